"""Operations on one work item, and the list of items."""
