"""Numbers with their noun, in the reader's language, for sentences that are put together."""


def customers(env, count):
    """“1 customer”, “12 customers”."""
    return env._("%s customer", count) if count == 1 else env._("%s customers", count)


def items(env, count):
    """“1 open item”, “12 open items”."""
    return env._("%s open item", count) if count == 1 else env._("%s open items", count)


def reminders(env, count):
    """“1 reminder”, “12 reminders”."""
    return env._("%s reminder", count) if count == 1 else env._("%s reminders", count)


def days(env, count):
    """“1 day”, “12 days”."""
    return env._("%s day", count) if count == 1 else env._("%s days", count)
