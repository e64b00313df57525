// Small components, known to the registry as the built-in plugin `toy`, and short ways to plan with
// them. They declare shapes and compute nothing: a plan never does.
#pragma once

#include <string>

#include "plan/plan.h"
#include "plugin/registry.h"

namespace pellucid::testing {

/// Makes `toy/...` known, once:
///
///   images        source   images: N items (items: 12) of (c, h, w) (shape: [1, 64, 64])
///   pair          source   left, right
///   blur          operator.convolution; optional tensor input `kernel`
///   linear        operator.linear
///   denoiser      denoiser
///   convolve      stage    x, A -> y; a halo of 3 samples
///   invert        stage    x -> y; needs whole items
///   double        stage    x -> mean, std
///   score         stage    x, reference (optional) -> table
///   mean          reducer  x -> mean (one item)
///   summary       reducer  x -> table (one row)
///   train         procedure  x -> net (denoiser), loss (table)
///   clean         stage    x, denoiser -> y
///   save          sink     any inputs; `to`, `bytes`
///   probe         stage    x, f (model) -> y of the range of f
///   halve         stage    x -> y, half as wide
///   throwing      stage    x -> y; its infer throws what `what` says
void register_toys();

/// The plan of a pipeline's text, called "p.yaml".
Plan plan_of(const std::string& text, const PlanOptions& options = {});

/// The report on a pipeline's text; "no error" where there is none.
std::string report_on(const std::string& text, const PlanOptions& options = {});

/// The number of a node, by name.
std::size_t node_named(const Plan& plan, const std::string& name);

/// Names of the nodes of a stream.
std::vector<std::string> names_in(const Plan& plan, const PlannedStream& stream);

}  // namespace pellucid::testing
