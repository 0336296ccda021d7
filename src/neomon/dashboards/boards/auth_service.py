"""Auth Service: can people sign in, and is anyone trying who shouldn't."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import requests
from neomon.dashboards.panels import bar_gauge, pie, stat, state_timeline, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, or_zero, rate, select, series, share

SERVICE: Final = 'service="auth-service"'
INSTANCE: Final = 'instance=~"$instance"'
SUCCESS: Final = 'result="success"'
FAILURE: Final = 'result="failure"'
RESULT_COLOURS: Final = {"/success/": colours.GOOD, "/failure/": colours.CRITICAL}
SYNC_NAMES: Final = {"0": ("Failed", colours.CRITICAL), "1": ("Succeeded", colours.GOOD)}
NO_LOGINS: Final = "no logins"


def _now() -> tuple[PanelBuilder, ...]:
    enrolled = 'mfa="enrolled"'
    return (
        requests.status_stat("the Auth Service", SERVICE),
        requests.alerts_stat("Alerts firing", "critical|warning", SERVICE),
        stat(
            "Failed logins",
            "Share of logins that failed over five minutes. Amber where LoginFailuresHigh fires: a broken LDAP or OIDC "
            "if one method fails for all, an attack if failures multiply while successes stay as they were.",
            series(f"max({select('service:auth_logins_failed:ratio_rate5m', SERVICE)})", "Failed"),
            unit="percentunit",
            limit=thresholds.LOGIN_FAILURES,
            decimals=1,
            no_value=NO_LOGINS,
        ),
        stat(
            "LDAP sync",
            "Result of the last synchronisation with LDAP. Failed: people who left can still sign in and new ones "
            "cannot; see LDAP sync status below.",
            now(f"min({select('auth_ldap_sync_success', SERVICE)})", "Last run"),
            unit="none",
            names=SYNC_NAMES,
            limit=thresholds.ALL_UP,
            trend=False,
            no_value="never ran",
        ),
        stat(
            "Active sessions",
            "People and programs signed in now. A sudden fall: sessions were lost (store restarted, keys changed); a "
            "sudden rise: a client that signs in again and again.",
            series(f"sum({select('auth_active_sessions', SERVICE)})", "Sessions"),
            unit="short",
            colour=colours.NEUTRAL,
        ),
        stat(
            "Users with MFA",
            "Share of users enrolled for a second factor. A slow figure to raise by policy, not an emergency.",
            series(
                f"sum({select('auth_users', SERVICE, enrolled)}) / (sum({select('auth_users', SERVICE)}) > 0)",
                "Enrolled",
            ),
            unit="percentunit",
            colour=colours.NEUTRAL,
            decimals=0,
        ),
    )


def _logins() -> tuple[PanelBuilder, ...]:
    attempts = f"sum by (method) ({rate('auth_logins_total', SERVICE, INSTANCE)})"
    failures = f"sum by (method) ({rate('auth_logins_total', SERVICE, INSTANCE, FAILURE)})"
    return (
        timeseries(
            "Logins by result",
            "Logins each second that succeeded (green) and failed (red). Red growing while green stays: someone is "
            "guessing passwords; red replacing green: sign-in is broken.",
            series(f"sum by (result) ({rate('auth_logins_total', SERVICE, INSTANCE)})", "{{result}}"),
            unit="ops",
            stacked=True,
            series_colours=RESULT_COLOURS,
            no_value=NO_LOGINS,
            w=8,
        ),
        timeseries(
            "Login failure rate",
            "Share of logins that failed, over five minutes. The dashed line is where LoginFailuresHigh fires.",
            series(select("service:auth_logins_failed:ratio_rate5m", SERVICE), "failed"),
            unit="percentunit",
            limit=thresholds.LOGIN_FAILURES,
            series_colours={"/failed/": colours.CRITICAL},
            no_value=NO_LOGINS,
            w=8,
        ),
        timeseries(
            "Login failure rate by method",
            "Share of failed logins for password, LDAP and OIDC. One method alone at 100 %: the directory or identity "
            "provider behind it does not answer.",
            series(share(or_zero(failures, attempts), attempts), "{{method}}"),
            unit="percentunit",
            maximum=1,
            no_value=NO_LOGINS,
            w=8,
        ),
    )


def _tokens() -> tuple[PanelBuilder, ...]:
    return (
        timeseries(
            "Tokens issued",
            "Access and refresh tokens issued each second. Many more access tokens than requests: a client does not "
            "keep its token.",
            series(f"sum by (type) ({rate('auth_tokens_issued_total', SERVICE, INSTANCE)})", "{{type}}"),
            unit="ops",
            stacked=True,
        ),
        timeseries(
            "Active sessions by instance",
            "Sessions over time. It should follow the working day; a cliff is a loss of sessions, and everybody signs "
            "in again at once afterwards.",
            series(f"sum by (instance) ({select('auth_active_sessions', SERVICE, INSTANCE)})", "{{instance}}"),
            unit="short",
        ),
    )


def _mfa() -> tuple[PanelBuilder, ...]:
    tried = f"sum by (method) ({rate('auth_mfa_challenges_total', SERVICE, INSTANCE)})"
    passed = f"sum by (method) ({rate('auth_mfa_challenges_total', SERVICE, INSTANCE, SUCCESS)})"
    return (
        timeseries(
            "MFA challenges by result",
            "Second-factor challenges each second, passed (green) and failed (red). Failures after correct passwords "
            "are the sign of stolen passwords: look who.",
            series(f"sum by (result) ({rate('auth_mfa_challenges_total', SERVICE, INSTANCE)})", "{{result}}"),
            unit="ops",
            stacked=True,
            series_colours=RESULT_COLOURS,
            no_value="no challenges",
            w=9,
        ),
        timeseries(
            "MFA success rate by method",
            "Share of challenges passed with TOTP and WebAuthn. TOTP alone falling: the server's clock is off.",
            series(share(or_zero(passed, tried), tried), "{{method}}"),
            unit="percentunit",
            maximum=1,
            no_value="no challenges",
            w=9,
        ),
        pie(
            "MFA enrolment",
            "Users with and without a second factor. Ask those without to enrol, or make it a rule.",
            now(f"sum by (mfa) ({select('auth_users', SERVICE)})", "{{mfa}}"),
            unit="short",
            series_colours={"enrolled": colours.GOOD, "none": colours.WARNING},
            w=6,
        ),
    )


def _ldap() -> tuple[PanelBuilder, ...]:
    return (
        state_timeline(
            "LDAP sync status",
            "Result of each synchronisation over time. One red bar heals itself with the next run; several are a "
            "changed password, certificate or address of the directory.",
            series(f"min by (service) ({select('auth_ldap_sync_success', SERVICE)})", "LDAP"),
            names=SYNC_NAMES,
            no_value="never ran",
            w=8,
            h=6,
        ),
        stat(
            "Since last successful LDAP sync",
            "Time since users and groups last matched the directory. Amber after a day, where LdapSyncStale fires. "
            "Growing while runs continue: they fail; growing without runs: the Auth Service's scheduler stands still.",
            now(f"time() - max({select('auth_ldap_sync_last_success_timestamp_seconds', SERVICE)})", "Age"),
            unit="s",
            limit=thresholds.LDAP_AGE,
            trend=False,
            no_value="never",
            w=4,
            h=6,
        ),
        timeseries(
            "LDAP sync duration",
            "Time the last synchronisation took. Slowly rising is a growing directory; a jump is the network or an "
            "overloaded directory server.",
            series(f"max({select('auth_ldap_sync_last_duration_seconds', SERVICE)})", "duration"),
            unit="s",
            w=6,
            h=6,
        ),
        bar_gauge(
            "LDAP entries",
            "Users and groups found by the last synchronisation. A sharp fall means that the filter or base changed "
            "and people are about to lose access.",
            now(f"max by (kind) ({select('auth_ldap_sync_entries', SERVICE)})", "{{kind}}"),
            unit="short",
            colour=colours.NEUTRAL,
            w=6,
            h=6,
        ),
    )


def _requests() -> tuple[PanelBuilder, ...]:
    return (
        requests.by_status(SERVICE),
        requests.error_ratio_chart("Error rate", SERVICE, legend="5xx"),
        requests.quantiles_chart("Latency P50, P95, P99", SERVICE),
        requests.duration_heatmap("Latency distribution", SERVICE, INSTANCE),
    )


BOARD = Board(
    uid="auth-service",
    description="Whether people can sign in, how, and whether anyone tries who should not.",
    tags=("service",),
    variables=(
        variables.datasource(),
        variables.environment(),
        requests.instance_variable("the Auth Service", SERVICE),
    ),
    annotations=(
        events.DEPLOYMENTS,
        events.CONFIGURATION,
        events.BACKUPS,
        events.firing_alerts(SERVICE),
    ),
    sections=(
        section("The Auth Service now", *_now()),
        section("Logins", *_logins()),
        section("LDAP", *_ldap()),
        section("Tokens and sessions", *_tokens()),
        section("Multi-factor authentication", *_mfa()),
        section("Requests", *_requests()),
        section("Instances", *requests.instance_panels(SERVICE, INSTANCE)),
    ),
)
