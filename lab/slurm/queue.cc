// How is Slurm spoken to?
#include "lab/slurm/queue.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::lab::slurm {
namespace {

/// The controller answers in milliseconds; while it starts again its clients try for a while by themselves.
constexpr Millis kAnswer{60'000};

Error failed(const std::vector<std::string>& argv, const Output& output) {
  const std::string_view told = trim(output.err);
  return lab_error("slurm", fmt::format("{}: {}: {}", argv.front(), output.status.describe(),
                                        printable(told.empty() ? "it said nothing" : told)))
      .because("`sinfo` shows whether the cluster answers")
      .with("command", shell_quote(argv) + "\n");
}

Result<std::string> ask(const std::vector<std::string>& argv, const Deadline& deadline) {
  const Output output = TRY(run({.argv = argv}, deadline.at_most(kAnswer)));
  if (!output.status.success()) return failed(argv, output);
  return output.out;
}

class Commands : public Queue {
 public:
  Result<std::string> submit(std::vector<std::string> argv, const std::filesystem::path& script,
                             const Deadline& deadline) override {
    argv.push_back(script.string());
    const std::string said = TRY(ask(argv, deadline));
    // "17" or "17;cluster".
    const std::string_view id = trim(said).substr(0, trim(said).find(';'));
    if (!parse_u64(id)) return lab_error("slurm", fmt::format("sbatch gave no job id but '{}'", printable(trim(said))));
    return std::string(id);
  }

  Result<std::vector<TaskState>> tasks(const std::vector<std::string>& jobs, const Deadline& deadline) override {
    // squeue fails for a job that it has forgotten, as it soon does with one that is over: so all are listed, and
    // chosen from here, as squeue itself would.
    const auto all = parse_tasks(TRY(ask({"squeue", "--noheader", "--array", "--format=%i|%T|%r"}, deadline)));
    std::vector<TaskState> ours;
    for (const TaskState& task : all) {
      const std::string job = task.id.substr(0, task.id.find('_'));
      if (std::ranges::find(jobs, job) != jobs.end()) ours.push_back(task);
    }
    return ours;
  }

  Result<void> cancel(const std::vector<std::string>& jobs, const Deadline& deadline) override {
    std::vector<std::string> argv{"scancel"};
    argv.insert(argv.end(), jobs.begin(), jobs.end());
    TRY(ask(argv, deadline));
    return {};
  }

  Result<std::set<std::string>> licenses(const Deadline& deadline) override {
    return parse_licenses(TRY(ask({"scontrol", "--oneliner", "show", "licenses"}, deadline)));
  }

  Result<std::vector<Node>> nodes(const Deadline& deadline) override {
    return parse_nodes(TRY(ask({"sinfo", "--noheader", "--Node", "--format=%N|%o"}, deadline)));
  }
};

std::vector<std::vector<std::string_view>> table(std::string_view text) {
  std::vector<std::vector<std::string_view>> rows;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) rows.push_back(split(trim(line), '|'));
  }
  return rows;
}

}  // namespace

std::vector<TaskState> parse_tasks(std::string_view squeue) {
  std::vector<TaskState> tasks;
  for (const auto& row : table(squeue)) {
    if (row.size() >= 3) tasks.push_back({std::string(row[0]), std::string(row[1]), std::string(row[2])});
  }
  return tasks;
}

std::set<std::string> parse_licenses(std::string_view scontrol) {
  constexpr std::string_view kName = "LicenseName=";
  std::set<std::string> names;
  for (const std::string_view line : split(scontrol, '\n')) {
    for (const std::string_view word : split(line, ' ')) {
      if (word.starts_with(kName)) names.emplace(word.substr(kName.size()));
    }
  }
  return names;
}

std::vector<Node> parse_nodes(std::string_view sinfo) {
  std::vector<Node> nodes;
  for (const auto& row : table(sinfo)) {
    if (row.size() >= 2) nodes.push_back({std::string(row[0]), std::string(row[1])});
  }
  return nodes;
}

Result<std::unique_ptr<Queue>> connect(const Deadline& deadline) {
  for (const char* command : {"sbatch", "squeue", "scancel", "scontrol", "sinfo"}) {
    if (find_program(command)) continue;
    return lab_error("slurm", fmt::format("{} is not installed", command))
        .because("run this where jobs are submitted; on Debian: apt-get install slurm-client");
  }
  auto queue = std::make_unique<Commands>();
  TRY(queue->nodes(deadline));
  return std::unique_ptr<Queue>(std::move(queue));
}

}  // namespace holdfast::lab::slurm
