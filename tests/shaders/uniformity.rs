//! **The rule:** all lanes of a workgroup meet every barrier together, and all lanes of a subgroup every operation of
//! the subgroup. So neither may stand where control flow varies between lanes: inside an `if`, `switch` or loop that
//! depends on the lane, or behind a `return`, `break` or `continue` that only some lanes may have taken.
//!
//! What does not vary within a workgroup: constants, the ids and numbers of workgroups, uniforms, storage and textures
//! that are only read, all at places that do not vary, and what `workgroupUniformLoad` returns. What the lanes of
//! a subgroup have agreed on, such as a sum or a broadcast, may still vary between the subgroups. All else that starts
//! from a lane's index, or from memory that other lanes may write, varies between lanes, and so does whatever is
//! computed from it or stored where control flow varies.
//!
//! WGSL has the same rule (its "uniformity analysis"), and browsers refuse a shader that breaks it; naga, and so wgpu,
//! lets most of them through. As there, lanes that took different ways meet again after the statement that parted
//! them, unless a jump leads out of it; and lanes of which some left an iteration early are apart for the whole loop.
//!
//! The analysis runs through the module as a lane does: calls are followed each time, as if inlined, and loops are
//! repeated until nothing more varies. What a variable holds never comes to vary less.

use std::collections::BTreeSet;

use naga::{
    AddressSpace, Barrier, Binding, Block, BuiltIn, CollectiveOperation, EntryPoint, Expression,
    Function, FunctionArgument, GatherMode, GlobalVariable, Handle, ImageClass, Module, Span,
    Statement, StorageAccess, TypeInner,
};

/// Between which lanes of a workgroup something may differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Varies {
    /// The same for all of them.
    #[default]
    Nowhere,
    /// The same within each subgroup.
    BetweenSubgroups,
    BetweenLanes,
}

use Varies::{BetweenLanes, BetweenSubgroups, Nowhere};

impl Varies {
    fn raise(&mut self, other: Self) {
        *self = (*self).max(other);
    }
}

/// How control flow varied where lanes left a block before its end, by where they went.
#[derive(Clone, Copy, Default)]
struct Jumps {
    breaks: Varies,
    continues: Varies,
    returns: Varies,
}

impl Jumps {
    /// How control flow varies for those who stayed.
    fn left_behind(self) -> Varies {
        self.breaks.max(self.continues).max(self.returns)
    }

    fn and(self, other: Self) -> Self {
        Self {
            breaks: self.breaks.max(other.breaks),
            continues: self.continues.max(other.continues),
            returns: self.returns.max(other.returns),
        }
    }
}

/// A function while it runs. A pointer varies as what it points to.
struct Frame<'a> {
    function: &'a Function,
    arguments: Vec<Varies>,
    locals: Vec<Varies>,
    /// By expression, once it is evaluated.
    values: Vec<Varies>,
    returned: Varies,
}

impl<'a> Frame<'a> {
    fn new(function: &'a Function, arguments: Vec<Varies>) -> Self {
        Self {
            function,
            arguments,
            locals: vec![Nowhere; function.local_variables.len()],
            values: vec![BetweenLanes; function.expressions.len()],
            returned: Nowhere,
        }
    }

    /// What may have changed once a loop has run.
    fn snapshot(&self) -> [Vec<Varies>; 3] {
        [&self.arguments, &self.locals, &self.values].map(Vec::clone)
    }
}

/// What breaks the rule, with its line.
pub(crate) fn violations(module: &Module, wgsl: &str) -> BTreeSet<String> {
    let mut analysis = Analysis {
        module,
        wgsl,
        globals: module
            .global_variables
            .iter()
            .map(|(_, global)| written_by_others(module, global))
            .collect(),
        violations: BTreeSet::new(),
    };
    for EntryPoint { function, .. } in &module.entry_points {
        let arguments = function.arguments.iter().map(built_in).collect();
        let mut frame = Frame::new(function, arguments);
        analysis.block(&mut frame, &function.body, Nowhere);
    }
    analysis.violations
}

fn built_in(argument: &FunctionArgument) -> Varies {
    match argument.binding {
        Some(Binding::BuiltIn(
            BuiltIn::WorkGroupId
            | BuiltIn::NumWorkGroups
            | BuiltIn::WorkGroupSize
            | BuiltIn::NumSubgroups
            | BuiltIn::SubgroupSize,
        )) => Nowhere,
        Some(Binding::BuiltIn(BuiltIn::SubgroupId)) => BetweenSubgroups,
        _ => BetweenLanes,
    }
}

/// How what is at one place of a variable varies: not at all, unless other lanes may write it.
fn written_by_others(module: &Module, global: &GlobalVariable) -> Varies {
    let access = match global.space {
        AddressSpace::WorkGroup => StorageAccess::STORE,
        AddressSpace::Storage { access } => access,
        AddressSpace::Handle => match module.types[global.ty].inner {
            TypeInner::Image {
                class: ImageClass::Storage { access, .. },
                ..
            } => access,
            _ => StorageAccess::LOAD,
        },
        _ => StorageAccess::LOAD,
    };
    if access.contains(StorageAccess::STORE) {
        BetweenLanes
    } else {
        Nowhere
    }
}

struct Analysis<'a> {
    module: &'a Module,
    wgsl: &'a str,
    /// What each global variable holds.
    globals: Vec<Varies>,
    violations: BTreeSet<String>,
}

impl Analysis<'_> {
    /// Runs through a block that lanes enter where control flow varies as `flow`.
    fn block(&mut self, frame: &mut Frame<'_>, block: &Block, flow: Varies) -> Jumps {
        let mut jumps = Jumps::default();
        for (statement, span) in block.span_iter() {
            let flow = flow.max(jumps.left_behind());
            jumps = jumps.and(self.statement(frame, statement, *span, flow));
        }
        jumps
    }

    fn statement(
        &mut self,
        frame: &mut Frame<'_>,
        statement: &Statement,
        span: Span,
        flow: Varies,
    ) -> Jumps {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    let expression = &frame.function.expressions[handle];
                    if let Expression::CooperativeLoad { .. }
                    | Expression::CooperativeMultiplyAdd { .. } = expression
                    {
                        self.demand(BetweenSubgroups, flow, "cooperative matrix", span);
                    }
                    frame.values[handle.index()] = self.evaluate(frame, expression);
                }
            }
            Statement::Block(block) => return self.block(frame, block, flow),
            Statement::If {
                condition,
                accept,
                reject,
            } => {
                let flow = flow.max(self.value(frame, *condition));
                let accepted = self.block(frame, accept, flow);
                return accepted.and(self.block(frame, reject, flow));
            }
            Statement::Switch { selector, cases } => {
                let flow = flow.max(self.value(frame, *selector));
                let mut jumps = Jumps::default();
                for case in cases {
                    jumps = jumps.and(self.block(frame, &case.body, flow));
                }
                return Jumps {
                    breaks: Nowhere,
                    ..jumps
                };
            }
            Statement::Loop {
                body,
                continuing,
                break_if,
            } => return self.repeat(frame, [body, continuing], *break_if, flow),
            Statement::Break => {
                return Jumps {
                    breaks: flow,
                    ..Default::default()
                };
            }
            Statement::Continue => {
                return Jumps {
                    continues: flow,
                    ..Default::default()
                };
            }
            Statement::Return { value } => {
                let value = value.map_or(Nowhere, |value| self.value(frame, value));
                frame.returned.raise(value.max(flow));
                return Jumps {
                    returns: flow,
                    ..Default::default()
                };
            }
            Statement::Store { pointer, value } => {
                let stored = flow.max(self.value(frame, *value));
                self.store(frame, *pointer, stored);
            }
            Statement::Call {
                function: callee,
                arguments,
                result,
            } => {
                let returned = self.call(frame, *callee, arguments, flow);
                if let Some(result) = result {
                    frame.values[result.index()] = returned;
                }
            }
            other => self.meet(frame, other, span, flow),
        }
        Jumps::default()
    }

    /// What lanes do together, and what each of them then has.
    fn meet(&mut self, frame: &mut Frame<'_>, statement: &Statement, span: Span, flow: Varies) {
        match statement {
            Statement::ControlBarrier(Barrier::SUB_GROUP) => {
                self.demand(BetweenSubgroups, flow, "barrier", span);
            }
            Statement::ControlBarrier(_) => self.demand(Nowhere, flow, "barrier", span),
            Statement::WorkGroupUniformLoad { pointer, result } => {
                let place = self.place(frame, *pointer);
                self.demand(Nowhere, flow.max(place), "workgroupUniformLoad", span);
                frame.values[result.index()] = Nowhere;
            }
            Statement::SubgroupBallot { result, .. } => {
                self.demand(BetweenSubgroups, flow, "subgroup operation", span);
                frame.values[result.index()] = BetweenSubgroups;
            }
            Statement::SubgroupCollectiveOperation {
                collective_op,
                result,
                ..
            } => {
                self.demand(BetweenSubgroups, flow, "subgroup operation", span);
                frame.values[result.index()] = match collective_op {
                    CollectiveOperation::Reduce => BetweenSubgroups,
                    CollectiveOperation::InclusiveScan | CollectiveOperation::ExclusiveScan => {
                        BetweenLanes
                    }
                };
            }
            Statement::SubgroupGather { mode, result, .. } => {
                self.demand(BetweenSubgroups, flow, "subgroup operation", span);
                frame.values[result.index()] = match mode {
                    GatherMode::BroadcastFirst => BetweenSubgroups,
                    GatherMode::Broadcast(lane) | GatherMode::Shuffle(lane) => {
                        BetweenSubgroups.max(self.value(frame, *lane))
                    }
                    _ => BetweenLanes,
                };
            }
            Statement::CooperativeStore { .. } => {
                self.demand(BetweenSubgroups, flow, "cooperative matrix", span);
            }
            // The others ask for nothing, and what they result in varies between lanes, as every value does until it
            // is known better.
            _ => {}
        }
    }

    /// Runs through a loop until nothing more varies.
    fn repeat(
        &mut self,
        frame: &mut Frame<'_>,
        [body, continuing]: [&Block; 2],
        break_if: Option<Handle<Expression>>,
        mut flow: Varies,
    ) -> Jumps {
        loop {
            let before = (frame.snapshot(), self.globals.clone(), flow);
            let jumps = self.block(frame, body, flow);
            self.block(frame, continuing, flow); // which nothing jumps out of
            if let Some(condition) = break_if {
                flow.raise(self.value(frame, condition));
            }
            flow.raise(jumps.left_behind());
            if before == (frame.snapshot(), self.globals.clone(), flow) {
                return Jumps {
                    returns: jumps.returns,
                    ..Default::default()
                };
            }
        }
    }

    /// What a call returns. Lanes that returned early wait for the others.
    fn call(
        &mut self,
        frame: &mut Frame<'_>,
        callee: Handle<Function>,
        arguments: &[Handle<Expression>],
        flow: Varies,
    ) -> Varies {
        let values = arguments
            .iter()
            .map(|argument| self.value(frame, *argument));
        let callee = &self.module.functions[callee];
        let mut inner = Frame::new(callee, values.collect());
        self.block(&mut inner, &callee.body, flow);
        for ((argument, parameter), stored) in arguments
            .iter()
            .zip(&callee.arguments)
            .zip(&inner.arguments)
        {
            let parameter = &self.module.types[parameter.ty].inner;
            if parameter.pointer_space().is_some() {
                self.store(frame, *argument, *stored);
            }
        }
        inner.returned
    }

    /// Whatever `pointer` points into now holds something that varies as `stored`, or as the place that it is stored at.
    fn store(&mut self, frame: &mut Frame<'_>, pointer: Handle<Expression>, stored: Varies) {
        let stored = stored.max(self.place(frame, pointer));
        let mut variable = pointer;
        loop {
            match frame.function.expressions[variable] {
                Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => {
                    variable = base;
                }
                Expression::LocalVariable(local) => {
                    return frame.locals[local.index()].raise(stored);
                }
                Expression::GlobalVariable(global) => {
                    return self.globals[global.index()].raise(stored);
                }
                Expression::FunctionArgument(index) => {
                    return frame.arguments[index as usize].raise(stored);
                }
                ref other => unreachable!("a pointer to {other:?}"),
            }
        }
    }

    /// How the place that a pointer points to varies, whatever is there.
    fn place(&self, frame: &Frame<'_>, pointer: Handle<Expression>) -> Varies {
        match frame.function.expressions[pointer] {
            Expression::Access { base, index } => {
                self.place(frame, base).max(self.value(frame, index))
            }
            Expression::AccessIndex { base, .. } => self.place(frame, base),
            Expression::FunctionArgument(index) => frame.arguments[index as usize],
            _ => Nowhere,
        }
    }

    /// An expression's value, which has been evaluated if it needs to be.
    fn value(&self, frame: &Frame<'_>, expression: Handle<Expression>) -> Varies {
        match frame.function.expressions[expression] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_) => Nowhere,
            Expression::FunctionArgument(index) => frame.arguments[index as usize],
            Expression::LocalVariable(local) => frame.locals[local.index()],
            Expression::GlobalVariable(global) => self.globals[global.index()],
            _ => frame.values[expression.index()],
        }
    }

    /// A result varies as its operands do; what kernels do not decide anything by is not looked into.
    fn evaluate(&self, frame: &Frame<'_>, expression: &Expression) -> Varies {
        let value = |operand: Handle<Expression>| self.value(frame, operand);
        let largest = |operands: &[Option<Handle<Expression>>]| {
            let values = operands.iter().flatten().map(|operand| value(*operand));
            values.max().unwrap_or_default()
        };
        match *expression {
            Expression::AccessIndex { base: only, .. }
            | Expression::Splat { value: only, .. }
            | Expression::Swizzle { vector: only, .. }
            | Expression::Load { pointer: only }
            | Expression::Unary { expr: only, .. }
            | Expression::Relational { argument: only, .. }
            | Expression::As { expr: only, .. } => value(only),
            Expression::Access { base, index } => value(base).max(value(index)),
            Expression::Binary { left, right, .. } => value(left).max(value(right)),
            Expression::Select {
                condition,
                accept,
                reject,
            } => value(condition).max(value(accept)).max(value(reject)),
            Expression::Math {
                arg,
                arg1,
                arg2,
                arg3,
                ..
            } => largest(&[Some(arg), arg1, arg2, arg3]),
            Expression::Compose { ref components, .. } => {
                let values = components.iter().map(|component| value(*component));
                values.max().unwrap_or_default()
            }
            Expression::ImageLoad {
                image,
                coordinate,
                array_index,
                sample,
                level,
            } => largest(&[Some(image), Some(coordinate), array_index, sample, level]),
            Expression::ArrayLength(array) => self.place(frame, array),
            _ => BetweenLanes,
        }
    }

    fn demand(&mut self, most: Varies, is: Varies, what: &str, span: Span) {
        if is > most {
            let line = span.location(self.wgsl).line_number;
            let varies = format!("where control flow varies {is:?}");
            self.violations
                .insert(format!("line {line}: {what} {varies}"));
        }
    }
}
