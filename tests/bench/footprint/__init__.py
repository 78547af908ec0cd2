"""What the firmware costs on a Cortex-M4F, by instruction counts that repeat: measure.py measures, report.py shows."""
