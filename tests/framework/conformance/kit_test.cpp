// The kit over a library with one fault at a time: the check that the fault is named for fails, and
// no other.

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conformance/conformance.h"
#include "plugin/library.h"
#include "run/allocator.h"

namespace pellucid::conformance {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;

const LoadedPlugin& mutants() {
  static const LoadedPlugin& plugin = load_plugin(std::string(PELLUCID_MUTANTS) + "/mutants.so");
  return plugin;
}

std::vector<Finding> tested(const std::string& component,
                            const std::vector<std::string>& only = {}) {
  std::vector<Finding> findings;
  Listener listener;
  listener.found = [&](const Finding& finding) { findings.push_back(finding); };
  test_component(*mutants().find(component), {}, only, listener);
  return findings;
}

std::vector<std::string> failed_checks(const std::vector<Finding>& findings) {
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    if (finding.verdict.state != Verdict::State::fail) continue;
    names.push_back(finding.check);
    std::cout << finding.check << ": " << finding.verdict.sentence << "\n";
  }
  return names;
}

struct Mutant {
  const char* component;
  const char* fault;  ///< begins with the check that finds it
  /// Laws that cannot hold either where this one does not: what is not linear has no adjoint, what
  /// remembers the last call cannot be called by two threads.
  std::vector<std::string> also = {};
  std::vector<std::string> only = {};  ///< checks to run; all where empty
};

std::string check_of(const Mutant& mutant) {
  const std::string fault = mutant.fault;
  return fault.substr(0, fault.find('_'));
}

void PrintTo(const Mutant& mutant, std::ostream* stream) { *stream << mutant.fault; }

class Kit : public ::testing::TestWithParam<Mutant> {
 protected:
  static void SetUpTestSuite() { install_counting_allocator(); }
  void SetUp() override { ::setenv("PELLUCID_MUTANT", GetParam().fault, 1); }
  void TearDown() override { ::unsetenv("PELLUCID_MUTANT"); }
};

TEST_P(Kit, finds_the_fault_by_the_check_that_is_for_it) {
  const Mutant& mutant = GetParam();
  std::vector<std::string> expected = mutant.also;
  expected.push_back(check_of(mutant));
  const std::vector<std::string> failed = failed_checks(tested(mutant.component, mutant.only));
  EXPECT_THAT(failed, Contains(check_of(mutant)));
  EXPECT_THAT(failed, IsSubsetOf(expected));
}

const std::vector<std::string> kLaws{"adjoint", "norm", "solve"};

const std::vector<Mutant>& all_mutants() {
  static const std::vector<Mutant> all{
      Mutant{"smooth", "parameters_range_is_not_kept"},
      Mutant{"smooth", "parameters_end_divides_by_zero"},
      Mutant{"smooth", "specs_unfulfilled_shape"},
      Mutant{"difference", "specs_domain_of_another_size"}, Mutant{"smooth", "cases_refused_late"},
      Mutant{"smooth", "dtype_always_float32"}, Mutant{"smooth", "dtype_rounded_to_float32"},
      Mutant{"smooth", "dtype_gain_in_float32"}, Mutant{"smooth", "strides_memory_order"},
      Mutant{"smooth", "strides_view"}, Mutant{"smooth", "inputs_scaled_in_place"},
      Mutant{"smooth", "inputs_clipped_in_place"},
      Mutant{"smooth", "blocks_state_is_kept", {"threads"}},
      Mutant{"smooth", "blocks_scratch_of_first_call"}, Mutant{"smooth", "blocks_item_from_start"},
      Mutant{"total", "blocks_mean_of_means"}, Mutant{"smooth", "threads_shared_scratch"},
      Mutant{"smooth", "threads_by_count"}, Mutant{"smooth", "tiles_halo_one_short"},
      Mutant{"smooth", "tiles_place_in_region"},
      Mutant{"difference", "tiles_operator_without_halo"}, Mutant{"smooth", "sizes_single_pixel"},
      Mutant{"smooth", "sizes_other_exception"}, Mutant{"smooth", "sizes_no_items", {"nonfinite"}},
      Mutant{"smooth", "sizes_no_pixels"}, Mutant{"smooth", "nonfinite_hidden"},
      Mutant{"smooth", "nonfinite_leaks"}, Mutant{"total", "nonfinite_hidden_from_the_sum"},
      Mutant{"largest", "nonfinite_hidden_by_a_procedure"},
      Mutant{"smooth", "cancellation_taken_for_a_failure"},
      // Their calls take half a second each.
      Mutant{"smooth", "cancellation_never_asked", {}, {"specs", "cancellation"}},
      Mutant{"smooth", "cancellation_asked_at_the_end", {}, {"specs", "cancellation"}},
      Mutant{"smooth", "memory_nothing_declared"}, Mutant{"smooth", "memory_copies"},
      Mutant{"difference", "adjoint_border_pixel"}, Mutant{"difference", "adjoint_of_another_gain"},
      Mutant{"difference", "adjoint_border_in_float32"},
      Mutant{"difference", "linearity_offset", kLaws},
      Mutant{"difference", "linearity_clipped_in_float32", {"adjoint"}},
      Mutant{"difference", "linearity_clipped", kLaws},
      Mutant{"magnitude", "gradient_off_by_a_hundredth"}, Mutant{"energy", "gradient_last_row"},
      Mutant{"difference", "norm_squared"}, Mutant{"difference", "norm_too_small"},
      Mutant{"difference", "solve_weight_forgotten"}, Mutant{"difference", "solve_gives_up"},
      Mutant{"energy", "prox_of_another_step"}, Mutant{"energy", "prox_shifted"}};
  return all;
}

INSTANTIATE_TEST_SUITE_P(Mutants, Kit, ::testing::ValuesIn(all_mutants()),
                         [](const auto& info) { return std::string(info.param.fault); });

TEST(KitWithoutFaults, finds_none) {
  install_counting_allocator();
  for (const char* component :
       {"smooth", "difference", "magnitude", "energy", "total", "largest", "crash"})
    EXPECT_THAT(failed_checks(tested(component)), IsEmpty()) << component;
}

TEST(KitWithoutFaults, finds_settings_that_the_manual_leaves_out_and_manuals_that_are_missing) {
  EXPECT_THAT(failed_checks(tested("unnamed")), ElementsAre("description"));
  EXPECT_THAT(failed_checks(tested("blank")), ElementsAre("description"));
}

TEST(KitWithoutFaults, does_not_say_of_a_short_call_that_it_stops) {
  const auto state_of = [](const std::string& component) {
    return tested(component, {"cancellation"}).front().verdict.state;
  };
  EXPECT_EQ(state_of("smooth"), Verdict::State::not_applicable);  // it never asks
  EXPECT_EQ(state_of("largest"), Verdict::State::pass);
}

TEST(KitWithoutFaults, tells_of_every_check_in_order) {
  std::vector<std::string> names;
  for (const Finding& finding : tested("magnitude")) names.push_back(finding.check);
  EXPECT_EQ(names, finding_names());
}

TEST(Checks, each_have_two_mutants_or_more) {
  std::map<std::string, int> mutants{{"description", 2}};
  for (const Mutant& mutant : all_mutants()) ++mutants[check_of(mutant)];
  for (const std::string& check : check_names()) {
    // Needs an accelerator.
    if (check == "device") continue;
    EXPECT_GE(mutants[check], 2) << check;
  }
}

}  // namespace
}  // namespace pellucid::conformance
