from django.urls import path

from pickyassist_webhooks.views import receive

urlpatterns = [path("hook/<str:secret>/", receive)]
