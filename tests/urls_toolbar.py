from debug_toolbar.toolbar import debug_toolbar_urls

from tests.urls import urlpatterns as usual

urlpatterns = [*usual, *debug_toolbar_urls()]
