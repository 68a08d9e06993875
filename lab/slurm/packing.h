// How are the cases of a plan packed into tasks, and what does each task ask for?
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "harness/plan.h"
#include "harness/shard.h"
#include "lab/slurm/job.h"
#include "lab/slurm/queue.h"

namespace holdfast::lab::slurm {

/// Targets whose cases any task of one array can run: virtual machines of one size, or a single host.
struct Crew {
  std::string name;  ///< "k1-vms", "k1-n07"
  std::vector<std::string> targets;
  bool is_host = false;
  int cpus = 1;             ///< of each machine
  int memory_mib = 512;     ///< of each machine
  double time_scale = 1.0;  ///< of the slowest
};

/// Which task runs which case, and how long each of them may take.
struct Packing {
  int tasks = 1;
  Deal deal;  ///< as each task's own --shard will deal
  std::chrono::minutes limit{0};
};

/// Deals the cases of one crew. A host is one task; virtual machines are as many tasks as make each about kTaskTime
/// long, or `tasks` (0: as said), but no more than there are cases to run. A task runs one case after another, so that
/// Slurm sees each machine, and packs them by cores and memory.
Packing pack(const Plan& plan, const CaseTimes& times, const Crew& crew, int tasks);

inline constexpr std::chrono::minutes kTaskTime{10};
/// Slurm's own default of MaxArraySize is 1001, and tasks count from 1.
inline constexpr int kMostTasks = 1000;
/// What a case is taken for of which no time is known.
inline constexpr std::chrono::seconds kUnknownTime{60};
inline constexpr std::chrono::minutes kUnknownHostTime{5};

/// The job of one crew, without what it runs: cores and memory, or the host's licence, and the time.
Job job_of(const Crew& crew, const Packing& packing);

/// A host's name as Slurm's licence of it.
std::string license_of(const std::string& host);

/// Hosts without a licence. Errors: harness.usage, with the line for slurm.conf.
Result<void> check_licenses(const std::vector<std::string>& hosts, const std::set<std::string>& known);

/// Nodes that are a lab host by name or address: what drives a host must not be replaced with it.
std::vector<std::string> nodes_among(const std::vector<Node>& nodes, const std::set<std::string>& hosts);

}  // namespace holdfast::lab::slurm
