// What is asked of Slurm for one piece of work, and in which words?
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::lab::slurm {

/// A job, or an array of as many tasks, each of which does the same with another number.
struct Job {
  std::string name;               ///< as squeue shows it
  std::string about;              ///< one line for who reads the script
  std::vector<std::string> argv;  ///< what it runs; kTaskNumber in a word stands for the task's number
  int tasks = 1;
  int cpus = 1;                    ///< of each task
  int memory_mib = 0;              ///< of each task; 0: the cluster's default
  std::chrono::minutes limit{60};  ///< of each task, after which Slurm ends it
  /// What waits is given up when it could not end by then, with all of its limit.
  std::optional<std::chrono::system_clock::time_point> deadline = {};
  std::vector<std::string> licenses;  ///< one of each, while a task runs
  std::vector<std::string> exclude;   ///< nodes that it must not run on
  std::filesystem::path log;          ///< kTaskNumber in it likewise
  std::vector<std::string> after;     ///< ids of jobs that have to be over, however they ended
  std::vector<std::string> further;   ///< the user's own words, which win
};

inline constexpr const char* kTaskNumber = "{task}";

/// So long before its limit a task is told to end, and has time to leave hosts and files in order.
inline constexpr std::chrono::seconds kWarning{90};

/// The batch script: a comment, and one command that takes the shell's place. Every word is quoted, so that nothing in
/// a path or a kernel's name is read as shell; the task's number alone comes from Slurm.
std::string script_of(const Job& job);

/// The words that submit it, without the script's path. What the script is to be given stands here and not in #SBATCH
/// lines, which have quoting rules of their own.
std::vector<std::string> sbatch_argv(const Job& job);

}  // namespace holdfast::lab::slurm
