--
-- PostgreSQL database dump
--

\restrict eKKq4W6VuOAfkflz1Qre4fU63eV56gY00TyTWFYzV2s7nMwhbERX8GvnEZo1UZ2

-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: agents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.agents (
    id character varying NOT NULL,
    agent_type character varying,
    name character varying,
    description character varying,
    system character varying,
    message_ids json,
    response_format json,
    metadata_ json,
    llm_config json,
    embedding_config json,
    compaction_settings json,
    tool_rules json,
    message_buffer_autoclear boolean NOT NULL,
    enable_sleeptime boolean,
    last_run_completion timestamp with time zone,
    last_run_duration_ms integer,
    last_stop_reason character varying,
    timezone character varying,
    max_files_open integer,
    per_file_view_window_char_limit integer,
    hidden boolean,
    _vector_db_namespace character varying,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL,
    project_id character varying,
    entity_id character varying,
    base_template_id character varying,
    template_id character varying,
    deployment_id character varying
);


--
-- Name: archival_passages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.archival_passages (
    id character varying NOT NULL,
    text character varying NOT NULL,
    embedding_config json,
    metadata_ json NOT NULL,
    tags json,
    embedding public.vector(4096),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL,
    archive_id character varying NOT NULL
);


--
-- Name: block; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.block (
    template_name character varying,
    description character varying,
    label character varying NOT NULL,
    is_template boolean NOT NULL,
    preserve_on_migration boolean,
    value character varying NOT NULL,
    "limit" integer NOT NULL,
    metadata_ json,
    read_only boolean NOT NULL,
    hidden boolean,
    current_history_entry_id character varying,
    version integer DEFAULT 1 NOT NULL,
    organization_id character varying NOT NULL,
    id character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    project_id character varying,
    entity_id character varying,
    base_template_id character varying,
    template_id character varying,
    deployment_id character varying
);


--
-- Name: blocks_agents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.blocks_agents (
    agent_id character varying NOT NULL,
    block_id character varying NOT NULL,
    block_label character varying NOT NULL
);


--
-- Name: conversation_messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.conversation_messages (
    id character varying NOT NULL,
    conversation_id character varying,
    agent_id character varying NOT NULL,
    message_id character varying NOT NULL,
    "position" integer NOT NULL,
    in_context boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL
);


--
-- Name: conversations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.conversations (
    id character varying NOT NULL,
    agent_id character varying NOT NULL,
    summary character varying,
    model character varying,
    model_settings json,
    last_message_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL
);


--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    id character varying NOT NULL,
    role character varying NOT NULL,
    text character varying,
    content json,
    model character varying,
    name character varying,
    tool_calls json NOT NULL,
    tool_call_id character varying,
    step_id character varying,
    run_id character varying,
    otid character varying,
    tool_returns json,
    group_id character varying,
    sender_id character varying,
    batch_item_id character varying,
    conversation_id character varying,
    is_err boolean,
    approval_request_id character varying,
    approve boolean,
    denial_reason character varying,
    approvals json,
    sequence_id bigint DEFAULT nextval('public.messages_sequence_id_seq'::regclass) NOT NULL,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL,
    agent_id character varying NOT NULL
);


--
-- Name: tools; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tools (
    name character varying NOT NULL,
    tool_type character varying NOT NULL,
    return_char_limit integer,
    description character varying,
    tags json NOT NULL,
    source_type character varying NOT NULL,
    source_code character varying,
    json_schema json,
    args_json_schema json,
    pip_requirements json,
    npm_requirements json,
    default_requires_approval boolean,
    enable_parallel_execution boolean,
    metadata_ json,
    id character varying NOT NULL,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now(),
    is_deleted boolean DEFAULT false NOT NULL,
    _created_by_id character varying,
    _last_updated_by_id character varying,
    organization_id character varying NOT NULL,
    project_id character varying
);


--
-- Name: tools_agents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tools_agents (
    agent_id character varying NOT NULL,
    tool_id character varying NOT NULL
);


--
-- Name: voice_system; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.voice_system (
    name text NOT NULL,
    value text NOT NULL
);


--
-- Data for Name: agents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.agents (id, agent_type, name, description, system, message_ids, response_format, metadata_, llm_config, embedding_config, compaction_settings, tool_rules, message_buffer_autoclear, enable_sleeptime, last_run_completion, last_run_duration_ms, last_stop_reason, timezone, max_files_open, per_file_view_window_char_limit, hidden, _vector_db_namespace, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'letta_v1_agent', 'Ada', NULL, '<base_instructions>
You are a ', '["message-56a5bf22-15ce-450d-b3c4-317d555a776c"]', 'null', 'null', '{"model": "rehearsal", "display_name": null, "model_endpoint_type": "openai", "model_endpoint": "http://localhost:57253/v1", "provider_name": "openai", "provider_category": "base", "model_wrapper": null, "context_window": 30000, "put_inner_thoughts_in_kwargs": false, "handle": "openai-proxy/rehearsal", "temperature": 1.0, "max_tokens": 16384, "enable_reasoner": false, "reasoning_effort": null, "max_reasoning_tokens": 0, "effort": null, "frequency_penalty": null, "compatibility_type": null, "verbosity": null, "tier": null, "parallel_tool_calls": false, "response_format": null, "strict": false, "return_logprobs": false, "top_logprobs": null, "return_token_ids": false, "tool_call_parser": null}', '{"embedding_endpoint_type": "openai", "embedding_endpoint": "https://inference.letta.com/v1/", "embedding_model": "letta-free", "embedding_dim": 1536, "embedding_chunk_size": 300, "handle": "letta/letta-free", "batch_size": 32, "azure_endpoint": null, "azure_version": null, "azure_deployment": null}', '{"model": "openai/gpt-5-mini", "model_settings": null, "prompt": "The following messages are being evicted from the BEGINNING of your context window. Write a detailed summary that captures what happened in these messages to appear BEFORE the remaining recent messages in context, providing background for what comes after. Include the following sections:\n\n1.**High level goals**: What is the high level goal and ongoing task? Capture the user''s explicit requests and intent in detail. If there is an existing summary in the transcript, make sure to take it into consideration to continue tracking the higher level goals and long-term progress.\n\n2. **What happened**: The conversations, tasks, and exchanges that took place. What did the user ask for? What did you do? How did things progress? If there is a previous summary being evicted, please extract a concise version of the critical info from it.\n\n3. **Important details**: Enumerate specific files and code sections examined, modified, or created, as well as important plan files, GitHub issues/PR links, and Linear ticket IDs. For each item, include why it matters and any relevant names, data, configs, or facts discussed.\n   - **Preserve identifiers verbatim** (plan filename/path, exact URL, issue/PR number, ticket ID); do not paraphrase or truncate.\n   - **Preserve referenced identifiers unless explicitly resolved**: Keep exact URLs/IDs from the conversation unless there is clear evidence they are no longer relevant.\n   - Do not omit details likely to be referenced later.\n\n4. **Errors and fixes**: List all errors that you ran into, and how you fixed them. Pay special attention to specific user feedback that you received and record verbatim if useful.\n\n5. **Lookup hints**: For any detailed content (long lists, extensive data, specific conversations) that couldn''t fit in the summary, note the topic and key terms that could be used to find it in message history later.\n\nWrite in first person as a factual record of what occurred. Be thorough and detailed - the goal is to preserve enough context that the recent messages make sense and important information isn''t lost to prevent duplicate work or repeated mistakes.\n\nKeep your summary under 300 words. Only output the summary.", "prompt_acknowledgement": false, "clip_chars": 50000, "mode": "sliding_window", "sliding_window_percentage": 0.3}', NULL, false, NULL, NULL, NULL, 'end_turn', 'UTC', NULL, NULL, NULL, NULL, '2026-11-28 03:25:29.525941+00', '2026-11-28 03:25:32.368003+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.agents (id, agent_type, name, description, system, message_ids, response_format, metadata_, llm_config, embedding_config, compaction_settings, tool_rules, message_buffer_autoclear, enable_sleeptime, last_run_completion, last_run_duration_ms, last_stop_reason, timezone, max_files_open, per_file_view_window_char_limit, hidden, _vector_db_namespace, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'letta_v1_agent', 'Bo', NULL, '<base_instructions>
You are a ', '["message-7a205013-c9cb-42ca-8124-040798e3cd41"]', 'null', 'null', '{"model": "rehearsal", "display_name": null, "model_endpoint_type": "openai", "model_endpoint": "http://localhost:57253/v1", "provider_name": "openai", "provider_category": "base", "model_wrapper": null, "context_window": 30000, "put_inner_thoughts_in_kwargs": false, "handle": "openai-proxy/rehearsal", "temperature": 1.0, "max_tokens": 16384, "enable_reasoner": false, "reasoning_effort": null, "max_reasoning_tokens": 0, "effort": null, "frequency_penalty": null, "compatibility_type": null, "verbosity": null, "tier": null, "parallel_tool_calls": false, "response_format": null, "strict": false, "return_logprobs": false, "top_logprobs": null, "return_token_ids": false, "tool_call_parser": null}', '{"embedding_endpoint_type": "openai", "embedding_endpoint": "https://inference.letta.com/v1/", "embedding_model": "letta-free", "embedding_dim": 1536, "embedding_chunk_size": 300, "handle": "letta/letta-free", "batch_size": 32, "azure_endpoint": null, "azure_version": null, "azure_deployment": null}', '{"model": "openai/gpt-5-mini", "model_settings": null, "prompt": "The following messages are being evicted from the BEGINNING of your context window. Write a detailed summary that captures what happened in these messages to appear BEFORE the remaining recent messages in context, providing background for what comes after. Include the following sections:\n\n1.**High level goals**: What is the high level goal and ongoing task? Capture the user''s explicit requests and intent in detail. If there is an existing summary in the transcript, make sure to take it into consideration to continue tracking the higher level goals and long-term progress.\n\n2. **What happened**: The conversations, tasks, and exchanges that took place. What did the user ask for? What did you do? How did things progress? If there is a previous summary being evicted, please extract a concise version of the critical info from it.\n\n3. **Important details**: Enumerate specific files and code sections examined, modified, or created, as well as important plan files, GitHub issues/PR links, and Linear ticket IDs. For each item, include why it matters and any relevant names, data, configs, or facts discussed.\n   - **Preserve identifiers verbatim** (plan filename/path, exact URL, issue/PR number, ticket ID); do not paraphrase or truncate.\n   - **Preserve referenced identifiers unless explicitly resolved**: Keep exact URLs/IDs from the conversation unless there is clear evidence they are no longer relevant.\n   - Do not omit details likely to be referenced later.\n\n4. **Errors and fixes**: List all errors that you ran into, and how you fixed them. Pay special attention to specific user feedback that you received and record verbatim if useful.\n\n5. **Lookup hints**: For any detailed content (long lists, extensive data, specific conversations) that couldn''t fit in the summary, note the topic and key terms that could be used to find it in message history later.\n\nWrite in first person as a factual record of what occurred. Be thorough and detailed - the goal is to preserve enough context that the recent messages make sense and important information isn''t lost to prevent duplicate work or repeated mistakes.\n\nKeep your summary under 300 words. Only output the summary.", "prompt_acknowledgement": false, "clip_chars": 50000, "mode": "sliding_window", "sliding_window_percentage": 0.3}', NULL, false, NULL, NULL, NULL, 'end_turn', 'UTC', NULL, NULL, NULL, NULL, '2026-11-28 03:25:32.697773+00', '2026-11-28 03:25:33.309842+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);


--
-- Data for Name: archival_passages; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: block; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.block (template_name, description, label, is_template, preserve_on_migration, value, "limit", metadata_, read_only, hidden, current_history_entry_id, version, organization_id, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES (NULL, 'The persona block: Stores details about your current persona, guiding how you behave and respond. This helps you to maintain consistency and personality in your interactions.', 'persona', false, false, 'My name is Ada.', 100000, '{}', false, NULL, NULL, 1, 'org-00000000-0000-4000-8000-000000000000', 'block-18f7923d-ac87-448b-8aec-ff25bba92c70', '2026-11-28 03:25:29.516109+00', '2026-11-28 03:25:29.516109+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.block (template_name, description, label, is_template, preserve_on_migration, value, "limit", metadata_, read_only, hidden, current_history_entry_id, version, organization_id, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES (NULL, 'The human block: Stores key details about the person you are conversing with, allowing for more personalized and friend-like conversation.', 'human', false, false, 'name: Grace', 100000, '{}', false, NULL, NULL, 2, 'org-00000000-0000-4000-8000-000000000000', 'block-b2ad6cdc-31d4-4e5d-886b-d98e67dd1ff0', '2026-11-28 03:25:29.516109+00', '2026-11-28 03:25:31.413604+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.block (template_name, description, label, is_template, preserve_on_migration, value, "limit", metadata_, read_only, hidden, current_history_entry_id, version, organization_id, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES (NULL, 'The human block: Stores key details about the person you are conversing with, allowing for more personalized and friend-like conversation.', 'human', false, false, 'a sailor', 100000, '{}', false, NULL, NULL, 1, 'org-00000000-0000-4000-8000-000000000000', 'block-f5b79e35-e204-4427-bb16-2887d9094e48', '2026-11-28 03:25:32.686682+00', '2026-11-28 03:25:32.686682+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.block (template_name, description, label, is_template, preserve_on_migration, value, "limit", metadata_, read_only, hidden, current_history_entry_id, version, organization_id, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES (NULL, 'The persona block: Stores details about your current persona, guiding how you behave and respond. This helps you to maintain consistency and personality in your interactions.', 'persona', false, false, 'I am Bo.
I say "ahoy".', 100000, '{}', false, NULL, NULL, 1, 'org-00000000-0000-4000-8000-000000000000', 'block-f333e314-4110-4329-918e-4c7a7ab3f8a8', '2026-11-28 03:25:32.686682+00', '2026-11-28 03:25:32.686682+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.block (template_name, description, label, is_template, preserve_on_migration, value, "limit", metadata_, read_only, hidden, current_history_entry_id, version, organization_id, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, project_id, entity_id, base_template_id, template_id, deployment_id) VALUES (NULL, NULL, 'boat', false, false, 'The Ümlaut, 12 m', 100000, '{}', false, NULL, NULL, 1, 'org-00000000-0000-4000-8000-000000000000', 'block-a28cbec2-3fbf-41b7-9360-6e918d8253b5', '2026-11-28 03:25:32.686682+00', '2026-11-28 03:25:32.686682+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);


--
-- Data for Name: blocks_agents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.blocks_agents (agent_id, block_id, block_label) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'block-b2ad6cdc-31d4-4e5d-886b-d98e67dd1ff0', 'human');
INSERT INTO public.blocks_agents (agent_id, block_id, block_label) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'block-18f7923d-ac87-448b-8aec-ff25bba92c70', 'persona');
INSERT INTO public.blocks_agents (agent_id, block_id, block_label) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'block-f5b79e35-e204-4427-bb16-2887d9094e48', 'human');
INSERT INTO public.blocks_agents (agent_id, block_id, block_label) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'block-f333e314-4110-4329-918e-4c7a7ab3f8a8', 'persona');
INSERT INTO public.blocks_agents (agent_id, block_id, block_label) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'block-a28cbec2-3fbf-41b7-9360-6e918d8253b5', 'boat');


--
-- Data for Name: conversation_messages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-125c4091-6f2a-4921-95ae-03061af86b5e', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-4f116fe6-d6d4-4457-8375-b72264103016', 1, true, '2026-11-28 03:25:30.968218+00', '2026-11-28 03:25:30.968218+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-9bb156a7-24ec-4fbd-8043-9e92bb4f53a5', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-dc57e638-37dc-4df7-b7e1-b027f34a63d2', 2, true, '2026-11-28 03:25:30.968218+00', '2026-11-28 03:25:30.968218+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-49aad37f-6263-4ab0-a9cb-e72ff32c0de0', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-902d3bbb-3e20-4d29-9311-4d36aa30aad2', 3, true, '2026-11-28 03:25:31.657804+00', '2026-11-28 03:25:31.657804+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-45a1f668-1e95-4a24-a37c-7905e915942d', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-32d42dca-0748-4a26-9eaa-cfe469b26d9a', 4, true, '2026-11-28 03:25:31.657804+00', '2026-11-28 03:25:31.657804+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-514edbed-ec57-4f76-937d-0513c43ebec8', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-9798f041-9fab-45e7-a8ba-cefab2690c2b', 5, true, '2026-11-28 03:25:31.657804+00', '2026-11-28 03:25:31.657804+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-d69c81ee-9209-4465-8433-21755c0c7d80', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-1f03c956-a6da-4fce-9d2e-2369414c46ee', 6, true, '2026-11-28 03:25:31.796062+00', '2026-11-28 03:25:31.796062+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-4d21a91f-72cc-4b9b-8b55-b1d80dbc36d6', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-df651ff0-a16b-47dd-8f40-79c3886b1e92', 7, true, '2026-11-28 03:25:32.282668+00', '2026-11-28 03:25:32.282668+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-c4658366-803e-46e6-b371-3eeaa48b74ee', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-9f9182b6-04fe-48c3-8423-ccabf3b27afa', 8, true, '2026-11-28 03:25:32.282668+00', '2026-11-28 03:25:32.282668+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-a8c8c0ca-37e8-4a93-ac85-f0d31b4db66f', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-929b9f60-ce7e-4b32-84c1-da9abf5e062e', 9, true, '2026-11-28 03:25:32.282668+00', '2026-11-28 03:25:32.282668+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-211374ea-4a00-4a7b-8507-3a8ab5cdf9aa', 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-4d0532a1-b78e-4a8e-b264-69f1f410eef2', 10, true, '2026-11-28 03:25:32.282668+00', '2026-11-28 03:25:32.282668+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-f4bfa595-cc16-4e32-af15-c7f778313740', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-4f116fe6-d6d4-4457-8375-b72264103016', 1, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-87649b07-a65d-4830-84dd-a34ae19708df', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-dc57e638-37dc-4df7-b7e1-b027f34a63d2', 2, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-ed9c751d-4e2f-4cf5-994f-00ce7a3fc7dc', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-902d3bbb-3e20-4d29-9311-4d36aa30aad2', 3, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-4fc2bdb7-6fb6-47c5-9744-cd570a90f0b7', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-32d42dca-0748-4a26-9eaa-cfe469b26d9a', 4, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-ff373dbc-04c7-4eb1-b298-c9e1b3aa869b', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-9798f041-9fab-45e7-a8ba-cefab2690c2b', 5, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-9f1700ae-1e5f-4634-9661-6b7ae8fa8de5', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-1f03c956-a6da-4fce-9d2e-2369414c46ee', 6, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-7d3e6bd7-a0d9-481e-bdfd-9f2f2bc7a943', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-df651ff0-a16b-47dd-8f40-79c3886b1e92', 7, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-e180ce27-e7e9-4463-8523-4ef8e708818f', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-9f9182b6-04fe-48c3-8423-ccabf3b27afa', 8, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-d81689ba-8d42-4866-98df-e460fff28ef7', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-929b9f60-ce7e-4b32-84c1-da9abf5e062e', 9, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-fb306fd9-a810-4801-8265-e544ffed2b00', 'conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'message-4d0532a1-b78e-4a8e-b264-69f1f410eef2', 10, true, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.335661+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-af495e88-f560-4da0-bd7f-f045713e7982', 'conv-1ea6b9cd-9373-4c42-9221-3f4652b0ddd3', 'agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'message-dbabf0f9-1419-4bf0-8a8c-250090aab33e', 1, true, '2026-11-28 03:25:33.235424+00', '2026-11-28 03:25:33.235424+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversation_messages (id, conversation_id, agent_id, message_id, "position", in_context, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv_msg-75cef271-3e3b-4f16-aa59-8d6d53ca8150', 'conv-1ea6b9cd-9373-4c42-9221-3f4652b0ddd3', 'agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'message-894c4a5c-6c4a-44ad-87ce-2f8d9028361e', 2, true, '2026-11-28 03:25:33.235424+00', '2026-11-28 03:25:33.235424+00', false, NULL, NULL, 'org-00000000-0000-4000-8000-000000000000');


--
-- Data for Name: conversations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.conversations (id, agent_id, summary, model, model_settings, last_message_at, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'voice room kitchen', NULL, 'null', '2026-11-28 03:25:31.890352+00', '2026-11-28 03:25:29.674281+00', '2026-11-28 03:25:31.899224+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversations (id, agent_id, summary, model, model_settings, last_message_at, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv-b8b8126f-2fd1-4570-af73-756c2a2a3d42', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'voice room kitchen (checkpoint)', NULL, 'null', NULL, '2026-11-28 03:25:32.335661+00', '2026-11-28 03:25:32.481034+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000');
INSERT INTO public.conversations (id, agent_id, summary, model, model_settings, last_message_at, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id) VALUES ('conv-1ea6b9cd-9373-4c42-9221-3f4652b0ddd3', 'agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'voice room harbour', NULL, 'null', '2026-11-28 03:25:32.893448+00', '2026-11-28 03:25:32.760125+00', '2026-11-28 03:25:32.904541+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000');


--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-4f116fe6-d6d4-4457-8375-b72264103016', 'user', NULL, '[{"type": "text", "text": "hello", "signature": null}]', NULL, NULL, '[]', NULL, 'step-cef7c9a9-e874-42c1-80f9-3af6f784d752', 'run-c0576e4c-5415-4870-8684-6b02d177205b', '842d9a98-6443-44da-87a3-e028caea73b8', '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 3, '2026-11-28 03:25:30.071672+00', '2026-11-28 03:25:30.956456+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-dc57e638-37dc-4df7-b7e1-b027f34a63d2', 'assistant', NULL, '[{"type": "text", "text": "Hello. What would you like to talk about?", "signature": null}]', 'rehearsal', NULL, '[]', NULL, 'step-cef7c9a9-e874-42c1-80f9-3af6f784d752', 'run-c0576e4c-5415-4870-8684-6b02d177205b', NULL, '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 4, '2026-11-28 03:25:30.913235+00', '2026-11-28 03:25:30.956456+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-902d3bbb-3e20-4d29-9311-4d36aa30aad2', 'user', NULL, '[{"type": "text", "text": "my name is Grace", "signature": null}]', NULL, NULL, '[]', NULL, 'step-7f4640f8-ee9a-4cad-89ec-92f5d5f977c9', 'run-550ef265-a456-4654-b9a5-9d74f0f4c98b', 'a65b3063-46e6-40c4-8f99-1f13d84200ec', '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 5, '2026-11-28 03:25:31.310847+00', '2026-11-28 03:25:31.647407+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-32d42dca-0748-4a26-9eaa-cfe469b26d9a', 'assistant', NULL, '[]', 'rehearsal', NULL, '[{"id": "call_f4071d5c80104d238fcc4bb8", "function": {"arguments": "{\"label\": \"human\", \"old_string\": \"I know nothing about this person yet.\", \"new_string\": \"name: Grace\"}", "name": "memory_replace"}, "type": "function"}]', NULL, 'step-7f4640f8-ee9a-4cad-89ec-92f5d5f977c9', 'run-550ef265-a456-4654-b9a5-9d74f0f4c98b', NULL, '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 6, '2026-11-28 03:25:31.603146+00', '2026-11-28 03:25:31.647407+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-9798f041-9fab-45e7-a8ba-cefab2690c2b', 'tool', NULL, '[{"type": "text", "text": "{\n  \"status\": \"OK\",\n  \"message\": \"name: Grace\",\n  \"time\": \"2026-11-28 03:25:31 AM UTC+0000\"\n}", "signature": null}]', 'rehearsal', 'memory_replace', '[]', 'call_f4071d5c80104d238fcc4bb8', 'step-7f4640f8-ee9a-4cad-89ec-92f5d5f977c9', 'run-550ef265-a456-4654-b9a5-9d74f0f4c98b', NULL, '[{"tool_call_id": "call_f4071d5c80104d238fcc4bb8", "status": "success", "stdout": null, "stderr": null, "func_response": "{\n  \"status\": \"OK\",\n  \"message\": \"name: Grace\",\n  \"time\": \"2026-11-28 03:25:31 AM UTC+0000\"\n}"}]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 7, '2026-11-28 03:25:31.603307+00', '2026-11-28 03:25:31.647407+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-1f03c956-a6da-4fce-9d2e-2369414c46ee', 'assistant', NULL, '[{"type": "text", "text": "Nice to meet you, Grace. I will remember that your name is Grace.", "signature": null}]', 'rehearsal', NULL, '[]', NULL, 'step-fb709134-cb09-47b3-add2-16188290e841', 'run-550ef265-a456-4654-b9a5-9d74f0f4c98b', NULL, '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 8, '2026-11-28 03:25:31.738833+00', '2026-11-28 03:25:31.784994+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-df651ff0-a16b-47dd-8f40-79c3886b1e92', 'user', NULL, '[{"type": "text", "text": "and now?", "signature": null}]', NULL, NULL, '[]', NULL, 'step-991e6942-cfb6-49ae-99b9-265a8f8542dd', 'run-bfe155fc-a3c4-4acb-9d2d-5009bda08d37', '7ec85880-af5e-453e-b5da-7b8f7be02fa4', '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 9, '2026-11-28 03:25:32.143214+00', '2026-11-28 03:25:32.272364+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-9f9182b6-04fe-48c3-8423-ccabf3b27afa', 'assistant', NULL, '[{"type": "text", "text": "Well", "signature": null}]', NULL, NULL, '[]', NULL, 'step-991e6942-cfb6-49ae-99b9-265a8f8542dd', 'run-bfe155fc-a3c4-4acb-9d2d-5009bda08d37', '5819fa49-2e7b-4872-9e23-0650764151d4', '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 10, '2026-11-28 03:25:32.143312+00', '2026-11-28 03:25:32.272364+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-929b9f60-ce7e-4b32-84c1-da9abf5e062e', 'user', NULL, '[{"type": "text", "text": "go on", "signature": null}]', NULL, NULL, '[]', NULL, 'step-991e6942-cfb6-49ae-99b9-265a8f8542dd', 'run-bfe155fc-a3c4-4acb-9d2d-5009bda08d37', '01ead702-6b96-4efe-8be8-68205ec78979', '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 11, '2026-11-28 03:25:32.14334+00', '2026-11-28 03:25:32.272364+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-4d0532a1-b78e-4a8e-b264-69f1f410eef2', 'assistant', NULL, '[{"type": "text", "text": "I did not catch what that was about. Could you say it in other words?", "signature": null}]', 'rehearsal', NULL, '[]', NULL, 'step-991e6942-cfb6-49ae-99b9-265a8f8542dd', 'run-bfe155fc-a3c4-4acb-9d2d-5009bda08d37', NULL, '[]', NULL, NULL, NULL, 'conv-8ce33ccb-d5d2-4653-bf17-b59aa33a50a3', NULL, NULL, NULL, NULL, '[]', 12, '2026-11-28 03:25:32.229576+00', '2026-11-28 03:25:32.272364+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-89a0e2c0-b584-4e48-92ef-e098c10a6914');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-dbabf0f9-1419-4bf0-8a8c-250090aab33e', 'user', NULL, '[{"type": "text", "text": "count to five", "signature": null}]', NULL, NULL, '[]', NULL, 'step-832af413-e77a-44a2-bf25-a3b5383e93a5', 'run-b0fd7ecc-989c-480e-899d-f60b1bfc3451', '7bbce9cc-1520-4d23-8864-8828f7c3e388', '[]', NULL, NULL, NULL, 'conv-1ea6b9cd-9373-4c42-9221-3f4652b0ddd3', NULL, NULL, NULL, NULL, '[]', 16, '2026-11-28 03:25:33.09864+00', '2026-11-28 03:25:33.224443+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4');
INSERT INTO public.messages (id, role, text, content, model, name, tool_calls, tool_call_id, step_id, run_id, otid, tool_returns, group_id, sender_id, batch_item_id, conversation_id, is_err, approval_request_id, approve, denial_reason, approvals, sequence_id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, agent_id) VALUES ('message-894c4a5c-6c4a-44ad-87ce-2f8d9028361e', 'assistant', NULL, '[{"type": "text", "text": "One, two, three, four, five.", "signature": null}]', 'rehearsal', NULL, '[]', NULL, 'step-832af413-e77a-44a2-bf25-a3b5383e93a5', 'run-b0fd7ecc-989c-480e-899d-f60b1bfc3451', NULL, '[]', NULL, NULL, NULL, 'conv-1ea6b9cd-9373-4c42-9221-3f4652b0ddd3', NULL, NULL, NULL, NULL, '[]', 17, '2026-11-28 03:25:33.181912+00', '2026-11-28 03:25:33.224443+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4');


--
-- Data for Name: tools; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('fetch_webpage', 'letta_builtin', 50000, NULL, '["letta_builtin"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-30fff0e5-bf1d-4ad3-bfe0-438438d933c7', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('archival_memory_insert', 'letta_core', 50000, NULL, '["letta_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-cbf1dcc1-bbce-4796-8aa5-2ef58d15a173', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('archival_memory_search', 'letta_core', 50000, NULL, '["letta_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-89873969-6b85-4602-8b3d-b4c332c7c805', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('conversation_search', 'letta_core', 50000, NULL, '["letta_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-172e901f-67e6-440e-accd-86fffaaadb37', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('core_memory_append', 'letta_memory_core', 50000, NULL, '["letta_memory_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-f20ccf9b-47da-4b98-ba66-ea6e506d6c71', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('core_memory_replace', 'letta_memory_core', 50000, NULL, '["letta_memory_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-3b481ae5-0083-47c0-b6b9-4f0e147166ea', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('finish_rethinking_memory', 'letta_voice_sleeptime_core', 50000, NULL, '["letta_voice_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-69150342-856e-4854-a6b9-90869122188d', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('grep_files', 'letta_files_core', 50000, NULL, '["letta_files_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-b38ccd00-7487-43d8-8284-9d73f997de31', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory', 'letta_memory_core', 50000, NULL, '["letta_memory_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-1b61d22d-d38b-444a-a058-7b8282d4dce0', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory_apply_patch', 'letta_memory_core', 50000, NULL, '["letta_memory_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-f7b84e2b-50b8-49b5-bcf5-4be758165e2c', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory_finish_edits', 'letta_sleeptime_core', 50000, NULL, '["letta_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-93dd5388-d1b0-46bd-8599-ca52c0b05dec', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory_insert', 'letta_sleeptime_core', 50000, NULL, '["letta_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-c9a414b3-0d85-4bdd-8902-19f4f2be603b', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory_replace', 'letta_sleeptime_core', 50000, NULL, '["letta_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-8239f3fc-fb2a-4c78-ba12-56fec7631feb', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('send_message', 'letta_core', 50000, NULL, '["letta_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-298e1b91-c603-4a10-a627-7969f4c3e0c5', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('memory_rethink', 'letta_sleeptime_core', 50000, NULL, '["letta_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-6913fd1e-809b-4ac1-b84f-2571d58cc2ff', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('open_files', 'letta_files_core', 50000, NULL, '["letta_files_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-a1ed3a8e-1817-4f11-8000-ec3c83d53796', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('rethink_user_memory', 'letta_voice_sleeptime_core', 50000, NULL, '["letta_voice_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-93be55dd-b75c-4986-8cbe-b578eeca654e', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('run_code', 'letta_builtin', 50000, NULL, '["letta_builtin"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-bdd5f6ee-acb1-4292-9975-8c7fedb20a38', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('run_code_with_tools', 'letta_builtin', 50000, NULL, '["letta_builtin"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-a31d2108-3e65-485e-a192-f73b9011ed3a', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('search_memory', 'letta_voice_sleeptime_core', 50000, NULL, '["letta_voice_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-7670f1ff-2072-41ff-b280-b6c528097bad', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('semantic_search_files', 'letta_files_core', 50000, NULL, '["letta_files_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-34f997cd-ddf1-4017-9daa-a45b867a98fd', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('send_message_to_agent_and_wait_for_reply', 'letta_multi_agent_core', 50000, NULL, '["letta_multi_agent_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-2db32e2d-9448-4744-b653-a68b9308be2d', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('send_message_to_agent_async', 'letta_multi_agent_core', 50000, NULL, '["letta_multi_agent_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-477c5261-679e-494d-962d-f466f45d1c33', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('send_message_to_agents_matching_tags', 'letta_multi_agent_core', 50000, NULL, '["letta_multi_agent_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-94962356-cfa9-48e2-adb4-17740f9c2eed', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('store_memories', 'letta_voice_sleeptime_core', 50000, NULL, '["letta_voice_sleeptime_core"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, false, '{}', 'tool-5b72c605-f898-4cde-8cf9-20ca323a07bd', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);
INSERT INTO public.tools (name, tool_type, return_char_limit, description, tags, source_type, source_code, json_schema, args_json_schema, pip_requirements, npm_requirements, default_requires_approval, enable_parallel_execution, metadata_, id, created_at, updated_at, is_deleted, _created_by_id, _last_updated_by_id, organization_id, project_id) VALUES ('web_search', 'letta_builtin', 50000, NULL, '["letta_builtin"]', 'python', NULL, NULL, NULL, 'null', 'null', NULL, true, '{}', 'tool-a71d605b-b9da-4ea0-a3e6-91b4e2fa533b', '2026-11-28 03:25:28.941211+00', '2026-11-28 03:25:28.941211+00', false, 'user-00000000-0000-4000-8000-000000000000', 'user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', NULL);


--
-- Data for Name: tools_agents; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'tool-8239f3fc-fb2a-4c78-ba12-56fec7631feb');
INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'tool-172e901f-67e6-440e-accd-86fffaaadb37');
INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-89a0e2c0-b584-4e48-92ef-e098c10a6914', 'tool-c9a414b3-0d85-4bdd-8902-19f4f2be603b');
INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'tool-8239f3fc-fb2a-4c78-ba12-56fec7631feb');
INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'tool-172e901f-67e6-440e-accd-86fffaaadb37');
INSERT INTO public.tools_agents (agent_id, tool_id) VALUES ('agent-f4cd8873-d6f6-4ba1-b5f5-8cd380611ec4', 'tool-c9a414b3-0d85-4bdd-8902-19f4f2be603b');


--
-- Data for Name: voice_system; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.voice_system (name, value) VALUES ('letta', '0.16.8');


--
-- PostgreSQL database dump complete
--

\unrestrict eKKq4W6VuOAfkflz1Qre4fU63eV56gY00TyTWFYzV2s7nMwhbERX8GvnEZo1UZ2

