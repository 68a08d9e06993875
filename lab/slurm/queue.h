// How is Slurm spoken to?
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::lab::slurm {

/// A task that is not over yet.
struct TaskState {
  std::string id;      ///< "17_3"
  std::string state;   ///< "PENDING", "RUNNING"...
  std::string reason;  ///< why it waits: "Resources", "Licenses"...
  bool running() const { return state == "RUNNING" || state == "COMPLETING" || state == "CONFIGURING"; }
};

/// A computer on which jobs run.
struct Node {
  std::string name;
  std::string address;
};

/// A cluster's queue, as its commands show it. Tests have one of their own.
class Queue {
 public:
  virtual ~Queue() = default;
  /// Submits a script with the words of sbatch_argv(); the job's id. Errors: lab.slurm with what sbatch said.
  virtual Result<std::string> submit(std::vector<std::string> argv, const std::filesystem::path& script,
                                     const Deadline& deadline) = 0;
  /// Those tasks of these jobs that are not over. Errors: lab.slurm, when it cannot be told now.
  virtual Result<std::vector<TaskState>> tasks(const std::vector<std::string>& jobs, const Deadline& deadline) = 0;
  virtual Result<void> cancel(const std::vector<std::string>& jobs, const Deadline& deadline) = 0;
  virtual Result<std::set<std::string>> licenses(const Deadline& deadline) = 0;
  virtual Result<std::vector<Node>> nodes(const Deadline& deadline) = 0;
};

/// Speaks through Slurm's own commands. Errors: lab.slurm when they are not installed or the cluster does not answer.
Result<std::unique_ptr<Queue>> connect(const Deadline& deadline);

// What the commands print, read back.
std::vector<TaskState> parse_tasks(std::string_view squeue);
std::set<std::string> parse_licenses(std::string_view scontrol);
std::vector<Node> parse_nodes(std::string_view sinfo);

}  // namespace holdfast::lab::slurm
