// Which commits lie between a good and a bad one, and which of them contain which?
#include "harness/bisect/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace holdfast::bisect {

Result<History> History::create(Commit good, std::vector<Commit> commits) {
  if (commits.empty()) {
    return usage_error(fmt::format("no commit lies between {} and the bad end", good.id))
        .because("--good has to be older than --bad");
  }
  History history;
  history.commits_.push_back(std::move(good));
  std::ranges::move(commits, std::back_inserter(history.commits_));
  history.words_ = (history.size() + 63) / 64;
  history.parents_.resize(history.size());
  history.reach_.assign(history.size() * history.words_, 0);
  std::map<std::string, Node> nodes;
  for (Node node = 0; node < history.size(); ++node) {
    uint64_t* const row = history.reach_.data() + node * history.words_;
    const auto contain = [&](Node other) { row[other / 64] |= uint64_t{1} << (other % 64); };
    const Commit& commit = history.commits_[node];
    if (!nodes.emplace(commit.id, node).second) {
      return lab_error("git", fmt::format("the commit {} is listed twice", commit.id));
    }
    contain(node);
    if (node == history.good()) continue;
    contain(history.good());
    std::vector<Node>& parents = history.parents_[node];
    for (const std::string& id : commit.parents) {
      const auto known = nodes.find(id);
      const Node parent = known == nodes.end() ? history.good() : known->second;
      if (std::ranges::find(parents, parent) != parents.end()) continue;
      parents.push_back(parent);
      for (size_t word = 0; word < history.words_; ++word) row[word] |= history.row(parent)[word];
    }
  }
  for (Node node = 0; node < history.size(); ++node) {
    if (history.contains(history.bad(), node)) continue;
    return lab_error(
        "git", fmt::format("the bad end does not contain the commit {} that is listed before it", history[node].id));
  }
  return history;
}

}  // namespace holdfast::bisect
