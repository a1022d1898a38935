"""How gunicorn serves Unmask: `gunicorn` without arguments, at 0.0.0.0:$PORT."""

# Nothing heavier: with onnxruntime loaded before gunicorn forks, its workers end in a crash.
from unmask.memory import limit_memory
from unmask.settings import load_settings

limit_memory(load_settings().max_memory_bytes)

wsgi_app = "unmask.server:create_app()"
# One process holds one model in memory; the network uses every core by itself.
workers = 1
worker_class = "gthread"
threads = load_settings().n_server_threads
# Of the process, not of a request: it stops a worker that hangs.
timeout = 120
# Nobody steers it from outside, and its socket would need a writable home.
control_socket_disable = True
