"""The pages that workers and requesters open."""
