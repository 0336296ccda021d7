"""Container metrics from the kernel's control groups (v2 and v1), under cAdvisor's metric names."""
