"""What `import glimpse` gives of this package: the commands' functions, with arguments that are checked."""
