// What is to be done next to find the first bad commit, and when is it found?
//
// Told the results, it says the next step; it does nothing itself. First the bad end has to fail and the good end to
// pass; then runs are chosen by what they are expected to tell (choice.h), until one commit is as likely as wished;
// then that one must have failed and its parents passed, each seen with its own eyes; last, the bad end without the
// commit must pass.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/choice.h"
#include "harness/bisect/posterior.h"

namespace holdfast::bisect {

struct Settings {
  double confidence = 0.99;
  int most_runs = 500;  ///< in all; the search gives up when they are used
  bool revert = true;   ///< ask at the end whether the bad end passes without the culprit
  Costs costs = {};
  Prior prior = {};
};

/// What a run came to, as seen by somebody who seeks one failure.
enum class Seen {
  kFailed,  ///< the failure sought
  kPassed,
  kOther,  ///< some other failure: whether the one sought would have come is not known
  kLab,    ///< the lab spoilt it
};

struct Step {
  enum class Do {
    kBuild,        ///< the kernel of `node`
    kRun,          ///< the case on it
    kBuildRevert,  ///< the kernel of the bad end without the culprit, `node`
    kRunRevert,
    kDone,
  };
  Do what = Do::kDone;
  Node node = 0;
  std::string why = {};  ///< "does the bad end fail?"
};

/// How the search ended, or stands.
enum class Ending {
  kNone,       ///< it goes on
  kNamed,      ///< one commit
  kNamedSome,  ///< several that no commit between them can tell apart, for they cannot be tested
  kBadEndPasses,
  kGoodEndFails,
  kEndUntestable,  ///< of the good or the bad end
  kOutOfRuns,
  kLabDown,  ///< run after run was spoilt by the lab
};

/// What became of the bad end without the culprit.
enum class Reverted { kNotTried, kImpossible, kPasses, kStillFails, kUndecided };

/// What is known of one commit; of those with the same kernel, what was seen of it counts for all.
struct Record {
  bool built = false;
  int failed = 0;
  int passed = 0;
  int other = 0;
  int lab = 0;
  int fruitless = 0;       ///< in a row, of the last two
  std::string untestable;  ///< why it cannot be tested, or empty
  std::string build_id;
  int told() const { return failed + passed; }
};

class Bisection {
 public:
  /// `history` outlives it.
  Bisection(const History& history, const Settings& settings);

  /// Costs one choice (choice.h) while the search goes on.
  Step next() const;

  /// The kernel that is most likely to be asked for after the run of `node` that is about to begin, if one will be.
  /// Costs some choices.
  std::optional<Node> build_after(Node node) const;

  void built(Node node, const std::string& build_id);
  /// It cannot be tested: does not build, does not boot.
  void untestable(Node node, const std::string& why);
  /// A step asks for a run on the first commit that was found to have the kernel; told of another, it counts for that.
  void ran(Node node, Seen seen);
  void revert_built();
  void revert_impossible(const std::string& why);
  void revert_ran(Seen seen);
  /// What builds and runs were seen to cost.
  void costs_are(const Costs& costs) { settings_.costs = costs; }

  Ending ending() const { return ending_of(likeliest()); }
  /// The likeliest first bad commit, and those that cannot be told from it; the likeliest is the first of them.
  struct Suspects {
    std::vector<Node> nodes;
    double mass = 0;
  };
  Suspects likeliest() const;
  Reverted reverted() const;
  const Record& revert() const { return revert_; }
  const Record& of(Node node) const { return records_[run_as(node)]; }
  /// The first commit that was found to have the kernel of `node`; runs go by its name.
  Node run_as(Node node) const { return run_as_[node]; }
  const Posterior& posterior() const { return posterior_; }
  const History& history() const { return history_; }
  int runs() const { return runs_; }
  /// What is left until a commit is named, in the unit of Costs: an estimate.
  double expected_cost() const;

 private:
  Step test(Node node, std::string why) const;
  Ending ending_of(const Suspects& suspects) const;
  Step confirm(const Suspects& suspects) const;
  bool confident(const Suspects& suspects) const { return suspects.mass >= settings_.confidence; }
  bool testable(Node node) const { return of(node).untestable.empty(); }
  bool seen_bad(Node node) const { return of(node).failed > 0; }
  bool seen_good(Node node) const { return of(node).passed > 0; }
  /// The suspect while its own failure was not seen yet, and its parents whose pass was not.
  std::vector<Node> unconfirmed(const Suspects& suspects) const;
  std::vector<Offer> offers() const;
  bool count(Record& record, Seen seen);

  const History& history_;
  Settings settings_;
  Posterior posterior_;
  std::vector<Record> records_;  ///< of those that others are run as, and of those without a kernel
  std::vector<Node> run_as_;
  Record revert_;
  std::map<std::string, Node> first_with_;  ///< by build id
  int runs_ = 0;
  int lab_in_a_row_ = 0;
};

}  // namespace holdfast::bisect
