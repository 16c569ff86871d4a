"""`millracer serve`: all workspaces over HTTP, and a page in the browser.

`routes` is the table of the API. From it derive the routes of the server and its OpenAPI document.
The server listens on this machine only; `guard` refuses any other caller.
"""
