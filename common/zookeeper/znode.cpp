// The implementation of the header beside it follows in a commit of its own.
