"""Which of these tests start programs, so that the fast tier leaves them out."""

from __future__ import annotations

from pathlib import Path

import pytest

PROGRAM_FIXTURES = {"livekit", "joiner"}
# They start a program.
PROGRAMS = {
    "test_a_child_in_a_session_of_its_own_is_ended_too",
    "test_a_dispatch_brings_the_agent",
    "test_a_failure_has_cause_lines_and_advice",
    "test_a_given_user",
    "test_a_honcho_that_cannot_be_asked_is_told",
    "test_a_launcher_that_stands_still_is_told_while_its_program_lives",
    "test_a_letta_that_does_not_listen_is_killed_within_the_launchers_patience",
    "test_a_living_postmaster_is_known_by_name_home_and_start",
    "test_a_lock_tells_who_holds_it",
    "test_a_missing_program_is_told",
    "test_a_mistake_in_our_own_code_is_told_with_its_place",
    "test_a_named_one_that_does_not_run_is_refused",
    "test_a_parent_that_ends_is_named",
    "test_a_pid_of_another_time_is_not_ours",
    "test_a_pid_that_was_given_to_another_is_left_alone",
    "test_a_pid_that_was_given_to_another_postgres_is_not_ours",
    "test_a_probe_that_hangs_is_ended",
    "test_a_process_is_seen_and_its_end_too",
    "test_a_process_that_is_gone_has_no_memory",
    "test_a_process_that_is_gone_is_passed_over",
    "test_a_program_that_ended_while_its_launcher_is_stopped_is_not_there",
    "test_a_release_with_the_right_checksum_is_kept",
    "test_a_step_is_bounded_and_leaves_nothing",
    "test_a_step_returns_its_lines",
    "test_a_stopped_program_is_told_from_a_dead_one",
    "test_a_stubborn_program_is_killed_and_named",
    "test_a_taken_port_is_one_sentence",
    "test_a_tree_tells_families_by_the_nearest_root",
    "test_a_worker_within_its_limit_stays",
    "test_a_wrong_setting_is_one_sentence",
    "test_an_answer_of_another_process_is_not_ready",
    "test_an_old_one_is_passed_over_and_told",
    "test_another_program_that_reads_it_takes_nothing_away",
    "test_another_worker_is_asked_for_only_between_calls_and_not_again_at_once",
    "test_calls_of_a_retired_worker_are_known_as_long_as_it_lives",
    "test_clear_ends_an_orphaned_postmaster_and_leftover_backends",
    "test_clear_leaves_the_postgres_of_another_folder_alone",
    "test_clear_removes_a_socket_whose_owner_is_dead",
    "test_clear_removes_a_stale_file_and_leaves_the_pids_new_owner_alone",
    "test_each_process_has_its_figures",
    "test_ends_letta_then_postgres",
    "test_every_process_is_told_with_its_vitals_and_exported",
    "test_everything_works_and_nothing_is_left",
    "test_figures_are_no_activity_of_a_call",
    "test_in_node",
    "test_it_does_not_start_for_a_parent_that_is_gone",
    "test_it_ends_when_its_parent_is_killed",
    "test_it_has_the_frequent_words_and_not_the_rare_ones",
    "test_it_serves_until_it_is_told_to_end",
    "test_its_end_is_noticed",
    "test_letta_dies",
    "test_no_secret_leaves",
    "test_postgres_dies_and_its_last_words_are_told",
    "test_postgres_does_not_even_start",
    "test_progress_is_told",
    "test_pss_counts_what_a_process_holds",
    "test_somebody_else_inside_and_root_outside",
    "test_the_alert_rules_do_what_their_tests_say",
    "test_the_exit_code_is_that_of_the_work",
    "test_the_guardian_ends_a_program_only_when_its_launcher_is_gone",
    "test_the_job_processes_are_watched",
    "test_the_key_is_not_in_the_list_of_processes",
    "test_the_ledger_sees_what_a_process_takes_and_that_it_ends",
    "test_the_meter_tells_who_was_busy",
    "test_the_order_of_places",
    "test_the_probe_is_given_no_secret",
    "test_the_program_ends_with_one_sentence",
    "test_the_same_user",
    "test_the_wait_ends_with_the_program",
    "test_the_way_without_proc_sees_the_same",
    "test_told_once_it_cleans_up",
    "test_told_twice_it_ends_though_the_cleaning_hangs",
    "test_under_honcho_its_own_first_environment_counts",
    "test_what_a_dead_program_left_is_found_by_its_tag",
    "test_what_a_killed_process_told_is_there",
    "test_what_cannot_be_done_is_a_sentence",
    "test_what_is_wrong_is_logged_once_with_its_call",
    "test_without_packages_it_says_what_it_can_and_how_to_make_it_ready",
    "test_ws_to_a_server_with_tls",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if (
            not item.path.is_relative_to(here)
            or item.name.split("[")[0] in PROGRAMS
            or PROGRAM_FIXTURES.intersection(fixtures)
        ):
            item.add_marker("program")
