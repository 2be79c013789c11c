"""The sign-in's two pages: the form, and what says that a request cannot be answered. They need no script."""

from __future__ import annotations

from html import escape

STYLE = """
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
  main { max-width: 22rem; margin: 10vh auto; padding: 0 1rem }
  label { display: block; margin-top: 1rem }
  input { box-sizing: border-box; width: 100%; padding: .5rem; font: inherit }
  button { width: 100%; margin-top: 1.5rem; padding: .6rem; font: inherit }
  [role=alert] { border-left: .25rem solid #c62828; padding-left: .75rem }
"""


def build_form(action: str, csrf: str, *, user: str = "", error: str = "") -> str:
    """The form that asks for user and password.

    Args:
        action: Where it is sent.
        csrf: What shows that it was sent from this page.
        user: What was typed before.
        error: Why it is shown again.
    """
    alert = f'<p role="alert" id="error">{escape(error)}</p>' if error else ""
    # what is wrong is read out with the field that the cursor is in
    wrong = ' aria-describedby="error" aria-invalid="true"' if error else ""
    in_user, in_password = ("", " autofocus") if user else (" autofocus", "")
    return _build_page(
        "Sign in",
        f"""{alert}
<form method="post" action="{escape(action)}">
  <input type="hidden" name="_csrf" value="{escape(csrf)}">
  <label for="username">Email address</label>
  <input id="username" name="username" type="email" autocomplete="username" required
    value="{escape(user)}"{wrong}{in_user}>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password"
    required{wrong}{in_password}>
  <button type="submit">Sign in</button>
</form>""",
    )


def build_error(what: str) -> str:
    """The page for a request that nobody can be sent back from."""
    return _build_page("Cannot sign in", f'<p role="alert">{escape(what)}</p>')


def _build_page(title: str, content: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sparkdrop</title>
<style>{STYLE}</style>
</head>
<body><main>
<h1>{escape(title)}</h1>
{content}
</main></body>
</html>
"""
