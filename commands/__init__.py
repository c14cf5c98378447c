"""The command line, a module for each thing that commands are about.

``add(commands)`` of each adds its own; a command is ``async def (settings, arguments) -> exit code``.
"""
