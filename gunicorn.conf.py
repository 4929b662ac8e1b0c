"""gunicorn's settings, for production and demo; the command line may override each."""

# Threads: a request waits for the database most of its time.
worker_class = "gthread"
workers = 2
threads = 8
# Loaded once before the workers are forked: less memory, and a fault stops the start.
preload_app = True
timeout = 60
graceful_timeout = 20
keepalive = 5
control_socket_disable = True
# No access log: a patient's link is a key, and its path must not be written anywhere.
accesslog = None
logconfig_dict = {
    "filters": {"scrub_links": {"()": "registry.audit.logs.ScrubLinks"}},
    "root": {"level": "WARNING", "handlers": ["error_console"]},
    "handlers": {
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "filters": ["scrub_links"],
            "stream": "ext://sys.stderr",
        },
    },
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False},
        # With a logging configuration gunicorn would write its access log after all.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    },
}
