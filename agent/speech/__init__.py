"""Speech: speech-to-text, text-to-speech, voice activity, and where a turn ends."""
