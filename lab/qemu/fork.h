// How does a case get a machine that has booted already?
//
// A machine is booted with the word on which its agent holds (harness/wire/verbs_fork.h), stopped there and kept: its
// memory as a file, its state, and what its console said. A fork maps that memory, with a copy of each page that it
// writes to, takes over the state, and is given a seed and the time before its agent looks at anything that is one
// boot's own. So forks have different boot ids, and no two draw the same random numbers. What they share is what the
// kernel drew for itself while it booted: seeds of its hash tables, the agent's stack canary.
#pragma once

#include <filesystem>
#include <string>

#include "harness/link.h"
#include "harness/target.h"
#include "lab/qemu/argv.h"

namespace holdfast::lab {

/// Why this boot cannot be that of a fork; empty: it can. Pure.
std::string why_not_forked(const QemuSpec& qemu, const BootSpec& spec);

/// The machine that is kept, and the one that is forked from it: `qemu` without what cannot be saved, holding.
QemuSpec holding(QemuSpec qemu);

/// The digest of all that makes a kept machine what it is. `qemu` is holding(); `made_of` names the content of QEMU,
/// kernel and payload.
std::string fork_key(QemuSpec qemu, const std::string& made_of);

/// Boots `qemu` (which is holding()) until its agent holds, and keeps it in `folder`. Its sockets are in `work`, which
/// nobody else uses. Errors: those of Vm; lab.link, lab.timeout.
Result<void> keep_machine(QemuSpec qemu, const std::filesystem::path& work, const std::filesystem::path& folder,
                          const Deadline& deadline);

/// What a fork of the machine in `folder` is started with, and what the console had said until it was kept.
struct ForkPlan {
  QemuSpec qemu;
  Fd state;
  std::string console;
};
/// Errors: lab.io.
Result<ForkPlan> plan_fork(QemuSpec qemu, const std::filesystem::path& folder);

/// Tells the agent of a fork to go on, with a seed and the time; its hello is the next that `link` gives. Errors:
/// lab.snapshot when it said no, lab.link, lab.timeout, harness.stopped.
Result<void> let_go_on(Link& link, const Deadline& deadline);

}  // namespace holdfast::lab
