"""Runs one turn: hold the session, advance the engine, meet its needs, commit once, answer."""
