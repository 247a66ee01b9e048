"""Speech: speech-to-text, text-to-speech, voice activity, and where a turn ends.

LiveKit gives those who write plugins private names to use, and so do these: `_run`, `_main_task`,
`_recognize_impl`, `_input_ch`, `_event_ch`, `_check_not_closed`, `_do_close`. An upgrade without
one of them fails in tests/fast/agent/test_upstream_names.py.
"""
