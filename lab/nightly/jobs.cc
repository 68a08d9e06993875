// Which runs does the plan of a night come to?
#include "lab/nightly/jobs.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "lab/inventory/toml_table.h"

namespace holdfast::lab {
namespace {

constexpr std::string_view kTag = "tag:";

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

Error nobody(const NightEntry& entry, std::string_view what, std::string_view word,
             const std::vector<std::string>& known) {
  return error_at(entry.hosts_at, fmt::format("no target {} \"{}\"{}", what, word, did_you_mean(word, known, '"')))
      .because("`holdfast list targets` shows them all; --lab FILE adds those of an inventory");
}

Result<std::vector<std::string>> targets_of(const NightEntry& entry, const std::vector<TargetProfile>& targets,
                                            const std::vector<std::string>& usual) {
  if (entry.hosts.empty()) return usual;
  std::vector<std::string> names;
  std::vector<std::string> tags;
  for (const TargetProfile& target : targets) {
    names.push_back(target.name);
    for (const std::string& tag : target.traits) add_once(tags, tag);
  }
  std::vector<std::string> meant;
  for (const std::string& word : entry.hosts) {
    if (!word.starts_with(kTag)) {
      if (std::ranges::find(names, word) == names.end()) return nobody(entry, "is called", word, names);
      add_once(meant, word);
      continue;
    }
    const std::string tag = word.substr(kTag.size());
    if (std::ranges::find(tags, tag) == tags.end()) return nobody(entry, "has the tag", tag, tags);
    for (const TargetProfile& target : targets) {
      if (std::ranges::find(target.traits, tag) != target.traits.end()) add_once(meant, target.name);
    }
  }
  return meant;
}

/// Null for no name.
const NightKernel* find(const NightPlan& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.kernels, name, &NightKernel::name);
  return found == plan.kernels.end() ? nullptr : &*found;
}

/// The pairs of an entry; one of nobody's where it names none.
std::vector<std::pair<const NightKernel*, const NightKernel*>> pairs_of(const NightPlan& plan,
                                                                        const NightEntry& entry) {
  std::vector<std::pair<const NightKernel*, const NightKernel*>> pairs;
  for (const std::string& from : entry.kernels) {
    if (entry.next_kernels.empty()) pairs.emplace_back(find(plan, from), nullptr);
    for (const std::string& to : entry.next_kernels) {
      pairs.emplace_back(find(plan, from), to == from ? nullptr : find(plan, to));
    }
  }
  if (pairs.empty()) pairs.emplace_back(nullptr, nullptr);
  return pairs;
}

}  // namespace

std::string NightJob::kernels() const {
  const std::string from = kernel == nullptr ? "usual" : kernel->name;
  return fmt::format("{}..{}", from, next_kernel == nullptr ? from : next_kernel->name);
}

std::string NightJob::name() const { return fmt::format("{} {}", entry->name, kernels()); }

std::string NightJob::folder() const {
  std::string folder = name();
  std::ranges::replace(folder, ' ', '-');
  return folder;
}

std::string NightJob::suite(const std::string& target) const {
  return fmt::format("{}/{} {}", target, kernels(), entry->name);
}

std::optional<std::pair<std::string, std::string>> kernels_of_suite(const NightPlan& plan, const std::string& suite) {
  const std::string target = suite.substr(0, suite.find('/'));
  for (const NightKernel& kernel : plan.kernels) {
    if (suite == "kernels/" + kernel.name) return std::pair(kernel.name, kernel.name);
  }
  for (const NightEntry& entry : plan.entries) {
    for (const auto& [kernel, next] : pairs_of(plan, entry)) {
      const NightJob job{.entry = &entry, .kernel = kernel, .next_kernel = next};
      if (kernel == nullptr || job.suite(target) != suite) continue;
      return std::pair(kernel->name, next == nullptr ? kernel->name : next->name);
    }
  }
  return std::nullopt;
}

Result<std::vector<NightJob>> jobs_of(const NightPlan& plan, const std::vector<TargetProfile>& targets,
                                      const std::vector<std::string>& usual) {
  std::vector<NightJob> jobs;
  for (const NightEntry& entry : plan.entries) {
    const auto meant = TRY(targets_of(entry, targets, usual));
    for (const auto& [kernel, next] : pairs_of(plan, entry)) {
      jobs.push_back({.entry = &entry, .kernel = kernel, .next_kernel = next, .targets = meant});
    }
  }
  return jobs;
}

}  // namespace holdfast::lab
