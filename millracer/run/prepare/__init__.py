"""The steps that bring a work item into Millrace."""
