// What is asked of Slurm for one piece of work, and in which words?
#include "lab/slurm/job.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"

namespace holdfast::lab::slurm {
namespace {

/// A word as the shell reads it back, but for the task's number.
std::string shell_word(std::string_view word) {
  const size_t at = word.find(kTaskNumber);
  if (at == std::string_view::npos) return shell_quote(word);
  const std::string_view before = word.substr(0, at);
  const std::string_view behind = word.substr(at + std::string_view(kTaskNumber).size());
  return fmt::format("{}\"$SLURM_ARRAY_TASK_ID\"{}", before.empty() ? "" : shell_quote(before),
                     behind.empty() ? "" : shell_word(behind));
}

/// A file's name as sbatch reads it: '%' begins what it fills in.
std::string log_pattern(const std::filesystem::path& log) {
  std::string pattern;
  for (const char c : log.string()) pattern += c == '%' ? std::string("%%") : std::string(1, c);
  const size_t at = pattern.find(kTaskNumber);
  if (at != std::string::npos) pattern.replace(at, std::string_view(kTaskNumber).size(), "%a");
  return pattern;
}

/// As sbatch reads it: the time of the computer that submits, to the second.
std::string local_time(std::chrono::system_clock::time_point when) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::localtime(std::chrono::system_clock::to_time_t(when)));
}

/// One of each: "n07:1,n08:1".
std::string license_list(const std::vector<std::string>& licenses) {
  std::vector<std::string> each;
  for (const std::string& license : licenses) each.push_back(license + ":1");
  return join(each, ",");
}

}  // namespace

std::string script_of(const Job& job) {
  std::vector<std::string> words;
  for (const std::string& word : job.argv) words.push_back(shell_word(word));
  std::string about = job.about;
  std::ranges::replace(about, '\n', ' ');
  return fmt::format("#!/bin/sh\n# {}\nexec {}\n", printable(about), join(words, " "));
}

std::vector<std::string> sbatch_argv(const Job& job) {
  std::vector<std::string> argv{"sbatch", "--parsable", "--job-name=" + job.name};
  argv.push_back(fmt::format("--array=1-{}", job.tasks));
  argv.push_back("--ntasks=1");
  argv.push_back(fmt::format("--cpus-per-task={}", job.cpus));
  if (job.memory_mib > 0) argv.push_back(fmt::format("--mem={}M", job.memory_mib));
  argv.push_back(fmt::format("--time={}", job.limit.count()));
  if (job.deadline) argv.push_back("--deadline=" + local_time(*job.deadline));
  argv.push_back(fmt::format("--signal=B:TERM@{}", kWarning.count()));
  if (!job.licenses.empty()) argv.push_back("--licenses=" + license_list(job.licenses));
  if (!job.exclude.empty()) argv.push_back("--exclude=" + join(job.exclude, ","));
  if (!job.after.empty()) argv.push_back("--dependency=afterany:" + join(job.after, ":"));
  // A task whose node is lost runs again, and goes on in its folder and its log.
  argv.insert(argv.end(), {"--requeue", "--open-mode=append", "--output=" + log_pattern(job.log)});
  argv.insert(argv.end(), job.further.begin(), job.further.end());
  return argv;
}

}  // namespace holdfast::lab::slurm
