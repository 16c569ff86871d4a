"""`millracer mcp`: other agents delegate tasks to Millrace over the Model Context Protocol.

`tools` is the table of the tools. All of them return one document, `report.TaskReport`. Every
action is an operation of `domain.operations`. The package stores nothing about a task: each answer
is read from Millrace, so any later server answers for a task of an earlier one.
"""
