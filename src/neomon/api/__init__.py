"""neomon's HTTP side: the application, its routes, who may call them, and how errors are answered."""
