"""Every limit of flows and sessions, named once; the reader, lint and the engine all read them here."""

FLOW_BYTES = 256 * 1024  # One flow file.
YAML_DEPTH = 12  # Nesting inside a flow file.
STATES_PER_FLOW = 500
OPTIONS_PER_MENU = 60
TEXT_LENGTH = 2_000  # One text in a flow, in characters.
KEYWORD_LENGTH = 40

STEPS_PER_TURN = 100  # States passed through by one input; more is a loop.
RUN_DEPTH = 8  # Flows that wait for one another.
ANSWER_LENGTH = 1_000  # One answer of a person, in characters after folding.
DIALLED_ANSWERS = 20  # Answers dialled together with a code, ``*733*2*1#``.
HISTORY = 16  # Answers that "back" can undo.
PAGES = 40  # Pages that one screen is split into.
ATTEMPTS = 5  # Failed answers in one state before it gives up, where the flow names no number.

HANDED_OVER = 7 * 24 * 3_600  # Seconds of silence after which a thread that nobody closed is over.
EXPIRES = 600  # Seconds without an answer after which a session ends, where its flow says nothing else.
