-- Runs of flows: each is a job, whose row says how far it is and how it ended; it goes
-- with its job, and with its flow.
CREATE TABLE flow_run (
    id {text} NOT NULL PRIMARY KEY,
    job_id {text} NOT NULL UNIQUE REFERENCES job (id) ON DELETE CASCADE,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    flow_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    user_id {text} NOT NULL, -- who asked for it; may be gone: no foreign key
    task_id {text}, -- what started it; may be gone: no foreign key
    serial {int} NOT NULL,
    UNIQUE (site_id, serial)
);
CREATE INDEX flow_run_flow ON flow_run (flow_id, serial);
CREATE INDEX flow_run_user ON flow_run (user_id, serial);
CREATE INDEX flow_run_task ON flow_run (task_id, serial) WHERE task_id IS NOT NULL;

-- What a run was given for the flow's parameters.
CREATE TABLE flow_run_parameter (
    run_id {text} NOT NULL REFERENCES flow_run (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    parameter_id {text} NOT NULL,
    name {text} NOT NULL,
    description {text},
    value {text} NOT NULL,
    PRIMARY KEY (run_id, position)
) {without_rowid};

-- Flows that are run at set times, by the rights of who set them (domain/flow_task.h).
CREATE TABLE flow_task (
    id {text} NOT NULL PRIMARY KEY,
    site_id {text} NOT NULL REFERENCES site (id) ON DELETE CASCADE,
    flow_id {text} NOT NULL REFERENCES content (id) ON DELETE CASCADE,
    user_id {text} NOT NULL REFERENCES site_user (id) ON DELETE CASCADE,
    schedule_id {text} NOT NULL, -- the schedule is the task's own, and has no other row
    incremental {int} NOT NULL,
    frequency {text} NOT NULL, -- domain/timetable.h
    starts {int} NOT NULL, -- seconds of the day
    ends {int} NOT NULL,
    every_minutes {int} NOT NULL,
    week_days {int} NOT NULL,
    month_days {int} NOT NULL,
    next_run_at {int} NOT NULL,
    created_at {int} NOT NULL,
    updated_at {int} NOT NULL,
    serial {int} NOT NULL,
    UNIQUE (site_id, serial)
);
CREATE INDEX flow_task_due ON flow_task (next_run_at);
CREATE INDEX flow_task_flow ON flow_task (flow_id);
CREATE INDEX flow_task_user ON flow_task (user_id, serial);

-- The output steps that a task runs; none: all.
CREATE TABLE flow_task_step (
    task_id {text} NOT NULL REFERENCES flow_task (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    step_id {text} NOT NULL,
    PRIMARY KEY (task_id, position)
) {without_rowid};

-- What it gives for the flow's parameters.
CREATE TABLE flow_task_parameter (
    task_id {text} NOT NULL REFERENCES flow_task (id) ON DELETE CASCADE,
    position {int} NOT NULL,
    parameter_id {text} NOT NULL,
    value {text} NOT NULL,
    PRIMARY KEY (task_id, position)
) {without_rowid};
