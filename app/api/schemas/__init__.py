"""The wire shapes: requests (pydantic, with ``to_domain``), answers (pydantic, for the document) and their builders."""
