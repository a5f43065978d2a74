"""The read API with Django REST framework."""
