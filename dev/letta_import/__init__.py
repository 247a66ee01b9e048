"""The agents of the old Letta (V1, on its own Postgres), carried over into the App Server once."""
