"""Service discovery: which targets services registered, as Prometheus' HTTP discovery reads them."""
