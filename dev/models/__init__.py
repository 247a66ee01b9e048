"""The offline models server: speech, chat and embeddings in OpenAI's shapes."""
