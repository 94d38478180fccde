"""What people ask: each function takes a connection and returns plain, frozen values.

Lists come in pages, newest first (tags: by name), by the key of the last row shown: what is written meanwhile moves
nothing, and nothing is counted that nobody asked for. Text that is asked for is compared in the form in which it is
stored, so any text may be asked for.

The second argument of each is the scope of whoever asks (app.domain.access): nothing outside of it is told, counted or
hinted at. Commands, whose users hold the database anyway, pass EVERYTHING.
"""
