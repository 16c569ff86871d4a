"""The functions that answer requests; the table `serve.routes` names them."""
