"""Redemption: rewards, holds, what a shipment captures, offsets, coupons, lotteries."""
