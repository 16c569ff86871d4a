"""Export the spans of an attempt over OTLP. Only this package knows OpenTelemetry."""
