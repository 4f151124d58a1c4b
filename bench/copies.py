"""A ledger of a million lines: SQL copies of invoices that the ORM made and posted.

A copy is a new customer with the invoices and journal items of the original, under new ids, names
and numbers; all else is taken over as the ORM wrote it. Followers and log notes are not copied.
"""

from datetime import timedelta

from odoo.tools import SQL

TABLES = ("res_partner", "account_move", "account_move_line")
SAMPLE = 20


class NotReal(Exception):
    """A copy is not what the ORM would have made."""


def multiply(env, factor):
    """``factor`` times as many customers and invoices as there are now, originals included."""
    if factor < 2:
        return
    env.flush_all()
    cr = env.cr
    cr.execute("CREATE TEMP TABLE bench_move AS SELECT id FROM account_move WHERE move_type = 'out_invoice'")
    cr.execute(
        "CREATE TEMP TABLE bench_partner AS SELECT DISTINCT partner_id AS id FROM account_move"
        " WHERE move_type = 'out_invoice'"
    )
    cr.execute(
        "CREATE TEMP TABLE bench_line AS"
        " SELECT line.id FROM account_move_line line JOIN bench_move ON bench_move.id = line.move_id"
    )
    steps = {}
    for table in TABLES:
        [[steps[table]]] = env.execute_query(SQL("SELECT max(id) FROM %s", SQL.identifier(table)))
    # what each reference of a copy points to is a copy, too: no trigger has to look
    cr.execute("SET LOCAL session_replication_role = replica")
    cr.execute("SET LOCAL maintenance_work_mem = '512MB'")
    indexes = _drop_indexes(env)

    def shifted(column, table):
        return SQL("original.%s + copy.number * %s", SQL.identifier(column), steps[table])

    def marked(column, pattern):
        return SQL(pattern.replace("{}", "original.%s"), SQL.identifier(column))

    _copy(
        env,
        "res_partner",
        "bench_partner",
        factor,
        {
            "id": shifted("id", "res_partner"),
            "commercial_partner_id": shifted("commercial_partner_id", "res_partner"),
            "name": marked("name", "{} || '~' || copy.number"),
            "complete_name": marked("complete_name", "{} || '~' || copy.number"),
            "email": marked("email", "'c' || copy.number || {}"),
            "email_normalized": marked("email_normalized", "'c' || copy.number || {}"),
        },
    )
    _copy(
        env,
        "account_move",
        "bench_move",
        factor,
        {
            "id": shifted("id", "account_move"),
            "partner_id": shifted("partner_id", "res_partner"),
            "commercial_partner_id": shifted("commercial_partner_id", "res_partner"),
            "partner_shipping_id": shifted("partner_shipping_id", "res_partner"),
            "name": marked("name", "{} || '~' || copy.number"),
            "payment_reference": marked("payment_reference", "{} || '~' || copy.number"),
            "sequence_prefix": marked("sequence_prefix", "{} || copy.number || '/'"),
            "access_token": SQL("NULL"),
        },
    )
    _copy(
        env,
        "account_move_line",
        "bench_line",
        factor,
        {
            "id": shifted("id", "account_move_line"),
            "move_id": shifted("move_id", "account_move"),
            "partner_id": shifted("partner_id", "res_partner"),
            "move_name": marked("move_name", "{} || '~' || copy.number"),
        },
    )
    for statement in indexes:
        cr.execute(statement)
    for table in TABLES:
        sequence = f"{table}_id_seq"
        cr.execute(SQL("SELECT setval(%s, (SELECT max(id) FROM %s))", sequence, SQL.identifier(table)))
    env.invalidate_all()
    cr.commit()


def _drop_indexes(env):
    """Drop the indexes that hold no constraint: quicker made anew than kept up.

    :return: the statements that make them anew
    """
    rows = env.execute_query(
        SQL(
            """
            SELECT indexname, indexdef FROM pg_indexes
             WHERE schemaname = 'public' AND tablename IN %s
               AND indexname NOT IN (SELECT conname FROM pg_constraint)
            """,
            TABLES,
        )
    )
    for name, _definition in rows:
        env.cr.execute(SQL("DROP INDEX %s", SQL.identifier(name)))
    return [definition for _name, definition in rows]


def _copy(env, table, originals, factor, changes):
    columns = [
        name
        for [name] in env.execute_query(
            SQL(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'"
                " ORDER BY ordinal_position",
                table,
            )
        )
    ]
    env.cr.execute(
        SQL(
            """
            INSERT INTO %(table)s (%(columns)s)
            SELECT %(values)s
              FROM %(table)s original
              JOIN %(originals)s chosen ON chosen.id = original.id
        CROSS JOIN generate_series(1, %(copies)s) copy (number)
            """,
            table=SQL.identifier(table),
            columns=SQL(", ").join(map(SQL.identifier, columns)),
            values=SQL(", ").join(
                changes.get(column) or SQL("original.%s", SQL.identifier(column)) for column in columns
            ),
            originals=SQL.identifier(originals),
            copies=factor - 1,
        )
    )


def check_copies(env, day):
    """Let the ORM look at some copies as at any invoice; what it changes is undone.

    :raise NotReal: with what differs
    """
    [[first, last]] = env.execute_query(
        SQL("SELECT min(id), max(id) FROM account_move WHERE move_type = 'out_invoice'")
    )
    ids = {first + number * (last - first) // SAMPLE for number in range(SAMPLE + 1)}
    moves = env["account.move"].search([("id", "in", list(ids)), ("move_type", "=", "out_invoice")])
    _require(len(moves) > SAMPLE // 2, "there are no copies to look at")
    lines = moves.line_ids.filtered(lambda line: line.account_type == "asset_receivable")
    _require(len(lines) == len(moves), "an invoice has not exactly one receivable line")
    written = [(line.amount_residual, line.amount_residual_currency, line.reconciled) for line in lines]
    states = moves.mapped("payment_state")
    for name in ("amount_residual", "amount_residual_currency", "reconciled"):
        env.add_to_compute(lines._fields[name], lines)
    for name in ("amount_total", "amount_residual", "payment_state"):
        env.add_to_compute(moves._fields[name], moves)
    computed = [(line.amount_residual, line.amount_residual_currency, line.reconciled) for line in lines]
    _require(written == computed, "the ORM computes another residual")
    _require(
        states == moves.mapped("payment_state") == ["not_paid"] * len(moves), "the payment state differs"
    )
    _require(all(lines.account_id.mapped("reconcile")), "the account cannot be reconciled")
    for move in moves:
        _require(move.partner_id.commercial_partner_id == move.partner_id, "a customer is not his own")
        _require(move.line_ids.partner_id == move.partner_id, "the items are another customer's")
    _pay(env, moves[-1], day)
    env.cr.rollback()
    print(f"{len(moves)} copies are real to the ORM", flush=True)


def _pay(env, move, day):
    """Register a payment, as an accountant would."""
    wizard = (
        env["account.payment.register"]
        .with_context(active_model="account.move", active_ids=move.ids)
        .create({"payment_date": day + timedelta(days=1)})
    )
    wizard._create_payments()
    _require(move.payment_state in ("in_payment", "paid"), "a payment does not pay the invoice")
    _require(not move.amount_residual, "a payment leaves a residual")


def _require(condition, problem):
    if not condition:
        raise NotReal(problem)
