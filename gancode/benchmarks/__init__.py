"""What is measured in minutes rather than seconds: speed, quality for time, coverage."""
