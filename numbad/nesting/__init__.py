"""The verbs of numbad called by code that is being differentiated, or compiled, itself."""
