"""The processes behind the web: a worker for each queue, and the relay that makes good what a lost bell left undone."""
