"""The doorbell: tells a worker that there is something to do. What that is stands in SQL (DESIGN decision 10)."""
