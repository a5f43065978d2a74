raise ZeroDivisionError("a module that cannot be imported")
